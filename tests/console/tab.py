"""A tab of a real Chromium with the console in it, and whatever the browser complained about."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from tests.processes import ROOT

SOURCE: Final = ROOT / "clients" / "console"
AXE: Final = SOURCE / "node_modules" / "axe-core" / "axe.min.js"
SECONDS: Final = 30.0
VIEWS: Final = ("agents", "channels", "tap", "chat", "streams", "nodes", "explain")
expect.set_options(timeout=SECONDS * 1000)

# Contrast and names can be judged once nothing moves.
RUN_AXE: Final = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .map(({id, nodes}) => `${id}: ${nodes.map(each => each.html).join(" | ")}`)"""


class Tab:
    """One tab. `problems`: errors and warnings of the browser, and requests that went elsewhere."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.problems: list[str] = []
        self.urls: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._sent)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text}")

    def _sent(self, request: Request) -> None:
        self.urls.append(request.url)
        if urlsplit(request.url).netloc != self.address:
            self.problems.append(f"a request to {request.url}")

    async def go(self, *parts: str) -> None:
        """Open a view, as a new page does."""
        await self.page.goto("about:blank")
        await self.page.goto(f"http://{self.address}/#/{'/'.join(parts)}")
        await expect(self.page.locator("h1")).to_be_visible()

    def button(self, name: str) -> Locator:
        """Return a button by its name for a screen reader."""
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, name: str) -> Locator:
        """Return a field by its label."""
        return self.page.get_by_label(name, exact=True)

    def text(self, text: str) -> Locator:
        """Return what shows a text, whatever it is."""
        return self.page.get_by_text(text)

    async def connected(self, word: str = "connected") -> None:
        """Wait until the page says how it is connected."""
        await expect(self.page.locator(".connection")).to_have_text(word)

    async def violations(self) -> list[str]:
        """Return what axe finds wrong with the page as it stands."""
        await self.page.evaluate(AXE.read_text())
        found: list[str] = await self.page.evaluate(RUN_AXE)
        return found


@asynccontextmanager
async def tab(
    browser: Browser, address: str, *, phone: bool = False, dark: bool = False
) -> AsyncGenerator[Tab]:
    """Open a tab of a browser of its own: it shares nothing with others."""
    context = await browser.new_context(
        viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 800},
        has_touch=phone,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    try:
        yield Tab(await context.new_page(), address)
    finally:
        await context.close()
