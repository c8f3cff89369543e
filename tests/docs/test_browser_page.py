"""The page of docs/tutorial/browser.md in Chromium: two windows, an agent, a lost edge."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.docs.blocks import ROOT, blocks
from tests.docs.offline import chromium
from tests.processes import part, running

pytestmark = [pytest.mark.usefixtures("one_loop"), pytest.mark.browser, pytest.mark.slow]
MILLISECONDS = 30_000


def page_of(http: str) -> str:
    """Return the page as it stands there, for an edge."""
    page = ROOT / "docs" / "tutorial" / "browser.md"
    (block,) = (block for block in blocks(page) if block.file == "chat.html")
    return block.text.replace("127.0.0.1:8080", http)


async def say(page: Page, text: str) -> None:
    """Type a line."""
    await page.fill("input", text)
    await page.press("input", "Enter")


async def hear(page: Page, text: str) -> None:
    """See a line."""
    await expect(page.locator("li", has_text=text)).to_have_count(1, timeout=MILLISECONDS)


async def test_two_windows_and_an_agent_talk_and_come_back(tmp_path: Path) -> None:
    async with AsyncExitStack() as parts:
        browser = await parts.enter_async_context(chromium())
        core = parts.enter_context(part("core", GRPC="127.0.0.1:0")).addresses["grpc"]
        parts.enter_context(part("agents", CORE=core))
        edge = parts.enter_context(part("edge", HTTP="127.0.0.1:0", CORE=core))
        http = edge.addresses["http"]
        (tmp_path / "chat.html").write_text(page_of(http))
        command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
        server = parts.enter_context(running([*command, "--directory", str(tmp_path)], {}))
        port = server.wait_for(r"port (\d+)")
        ann, bob = await browser.new_page(), await browser.new_page()
        for window in (ann, bob):
            await window.goto(f"http://127.0.0.1:{port}/chat.html")
            await expect(window.locator("input")).to_be_enabled(timeout=MILLISECONDS)
        await say(ann, "hello")
        await hear(ann, ": hello")
        await hear(bob, ": hello")
        await say(bob, "ECHO, how are you?")
        await hear(bob, "ECHO: how are you?")
        await hear(ann, ": ECHO, how are you?")
        edge.process.kill()
        for window in (ann, bob):
            await expect(window.locator("input")).to_be_disabled(timeout=MILLISECONDS)
        parts.enter_context(part("edge", HTTP=http, CORE=core))
        await say(ann, "again")
        await hear(bob, ": again")
        await hear(bob, ": hello")
