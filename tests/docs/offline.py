"""A Chromium that reaches nothing but what it is given, and remembers what it missed."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright, expect

expect.set_options(timeout=60_000)  # a browser is slow where others have the cores


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """Run a Chromium; skip the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Debian's chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def page_without_network(browser: Browser, *reachable: str) -> tuple[Page, list[str]]:
    """Return a page that reaches these addresses only, and what it missed or complained of."""
    faults: list[str] = []

    async def route(route: Route) -> None:
        if route.request.url.startswith(("data:", "blob:", *reachable)):
            await route.continue_()
        else:
            faults.append(route.request.url)
            await route.abort()

    page = await browser.new_page()
    await page.route("**/*", route)
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    return page, faults
