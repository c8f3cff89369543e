"""`useChat` in Chromium: reloads, stops, errors, and an edge that is killed."""

import asyncio
import re
import signal
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, Page, expect

from tests.edge.chat.stage import Acted, serving, until_set
from tests.edge.chat.ui.reading import Gated, breaks
from tests.edge.rig import EdgeRig
from tests.processes import ROOT, Part, part

pytestmark = [pytest.mark.node, pytest.mark.browser]
SECONDS: Final = 10_000  # as Playwright counts


@dataclass
class Tab:
    """A page with a chat in it."""

    page: Page

    async def ask(self) -> None:
        await self.page.click("#ask")

    async def shows(self, text: str) -> None:
        """Wait until the answer is this."""
        await expect(self.page.locator(".assistant")).to_have_text(text, timeout=SECONDS)

    async def is_(self, status: str) -> None:
        """Wait until the chat's status is this."""
        await expect(self.page.locator("#status")).to_have_text(status, timeout=SECONDS)


@asynccontextmanager
async def tab(browser: Browser, page: str, edge: str, agent: str) -> AsyncGenerator[Tab]:
    """Open the page for a new chat with an agent, in a profile of its own."""
    api = f"{edge}/v1/chat/ui?agent={agent}"
    async with await browser.new_context() as context:
        opened = await context.new_page()
        await opened.goto(f"{page}?{urlencode({'api': api, 'chat': 'c1', 'text': 'go'})}")
        shown = Tab(opened)
        await shown.is_("ready")
        yield shown


@asynccontextmanager
async def gated(core: str) -> AsyncGenerator[tuple[Gated, Acted]]:
    play = Gated()
    async with serving(core, "GATED", play.play) as acted:
        yield play, acted


async def test_a_reload_in_the_middle_goes_on_and_has_the_whole_text(
    core: str, edge: EdgeRig, browser: Browser, page: str
) -> None:
    async with gated(core) as (play, acted), tab(browser, page, edge.url, "GATED") as shown:
        await shown.ask()
        await shown.shows("so far")
        await shown.page.reload()
        await shown.is_("streaming")
        await shown.shows("so far")
        play.more.set()
        await shown.shows("so far, and the rest")
        await shown.is_("ready")
        assert len(acted.calls) == 1
        await shown.page.reload()
        await shown.is_("ready")
        await shown.shows("so far, and the rest")


async def test_stop_reaches_the_worker(
    core: str, edge: EdgeRig, browser: Browser, page: str
) -> None:
    async with gated(core) as (_, acted), tab(browser, page, edge.url, "GATED") as shown:
        await shown.ask()
        await shown.shows("so far")
        await shown.page.click("#stop")
        await until_set(acted.stopped)
        await shown.is_("ready")
        await shown.shows("so far")
        await shown.page.reload()
        await shown.is_("ready")


async def test_an_error_shows(core: str, edge: EdgeRig, browser: Browser, page: str) -> None:
    async with serving(core, "BREAKS", breaks), tab(browser, page, edge.url, "BREAKS") as shown:
        await shown.ask()
        await shown.is_("error")
        await expect(shown.page.locator("#error")).to_contain_text(
            "The agent failed", timeout=SECONDS
        )


@asynccontextmanager
async def running_edge(core: str, address: str) -> AsyncGenerator[Part]:
    """Run an edge of its own; it needs the core, which runs in this loop."""
    with ExitStack() as stack:
        settings = {"CORE": core, "HTTP": address}
        yield await asyncio.to_thread(stack.enter_context, part("edge", **settings))


async def test_a_killed_edge_is_an_error_at_once_and_a_reload_goes_on(
    core: str, browser: Browser, page: str
) -> None:
    async with gated(core) as (play, acted):
        async with running_edge(core, "127.0.0.1:0") as first:
            address = first.addresses["http"]
            async with tab(browser, page, f"http://{address}", "GATED") as shown:
                await shown.ask()
                await shown.shows("so far")
                first.process.signal(signal.SIGKILL)
                await shown.is_("error")
                async with running_edge(core, address):
                    await shown.page.reload()
                    await shown.is_("streaming")
                    play.more.set()
                    await shown.shows("so far, and the rest")
                    await shown.is_("ready")
        assert len(acted.calls) == 1


def test_the_page_is_the_one_that_is_shown() -> None:
    page = (ROOT / "tests/node/pages/chat.jsx").read_text()
    shown = re.findall(
        r"^```jsx\n(.*?)^```$", (ROOT / "docs/chat.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert shown
    for line in "".join(shown).splitlines():
        assert f"{line}\n" in page, line
