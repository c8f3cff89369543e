"""Takes the pictures of docs/console.md: `python -m tests.console.screenshots`, with all installed.

They show an installation of its own with some traffic, an agent that uses tools and asks, and
nothing of this machine.
"""

import asyncio
import base64
import random
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final, cast

import httpx
from playwright.async_api import Browser, async_playwright, expect

from blackroad.client import Call, Thinking, ToolCall, ToolResult, Usage, Yielded
from tests.console.tab import Tab, tab
from tests.journeys.serving import serving
from tests.processes import ROOT, Installation, up

PLACE: Final = ROOT / "docs" / "assets" / "console"
QUALITY: Final = 80
SAYINGS: Final = ("Good morning", "Who is on call today?", "The deploy is through", "Lunch?")


async def guide(call: Call) -> AsyncGenerator[Yielded]:
    """Answer with everything that an answer can have."""
    yield Thinking("They want to travel. First the timetable, then the choice is theirs.")
    yield ToolCall("t1", "search_trains", '{"from": "Bern", "to": "Wien", "date": "tomorrow"}')
    yield ToolResult("t1", '{"trains": [{"id": "NJ 466"}, {"id": "RJX 163"}]}')
    yield "There are two trains to **Wien** tomorrow:\n\n- `RJX 163`, by day\n- `NJ 466`, by night"
    which = await call.ask("Which one shall I book?", {"enum": ["RJX 163", "NJ 466"]})
    yield f"\n\nBooked: {which}, a window seat in coach 21. Have a good journey!"
    yield Usage(182, 64)


async def traffic(http: httpx.AsyncClient) -> None:
    """Let something happen, until cancelled."""
    dice = random.Random(7)
    for number in range(1, 100_000):
        total = round(dice.uniform(9, 220), 2)
        for channel, event, content in (
            ("shop.eu.orders", "order.placed", {"order": number, "total": total}),
            ("shop.us.orders", "order.placed", {"order": 9000 + number, "total": total / 2}),
            ("lobby", "message", dice.choice(SAYINGS)),
        ):
            if dice.random() < 0.5:
                body = {"channel": channel, "event": event, "content": content}
                await http.post("/v1/publish", json=body)
        await asyncio.sleep(dice.uniform(0.1, 0.3))


async def picture(shown: Tab, name: str) -> None:
    """Keep what a tab shows as WebP."""
    session = await shown.page.context.new_cdp_session(shown.page)
    asked = {"format": "webp", "quality": QUALITY}
    sent = session.send("Page.captureScreenshot", asked)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - Playwright's
    found = cast("dict[str, str]", await sent)
    (PLACE / f"{name}.webp").write_bytes(base64.b64decode(found["data"]))


async def chat(shown: Tab) -> None:
    """Ask, and leave the question open."""
    await shown.go("chat", "GUIDE")
    await shown.field("Message to GUIDE").fill("A train to Wien tomorrow, please")
    await shown.page.keyboard.press("Enter")
    await expect(shown.button("RJX 163")).to_be_visible()


async def light(browser: Browser, address: str) -> None:
    """Take the pictures of a large window in the light."""
    async with tab(browser, address) as shown:
        await chat(shown)
        await picture(shown, "chat")
        await shown.button("RJX 163").click()
        await shown.go("agents")
        await expect(shown.page.locator(".meter.some").first).to_be_visible()
        await picture(shown, "agents")
        await shown.go("explain")
        own = shown.page.get_by_role("row").filter(has_text="this page")
        await own.get_by_role("link").click()
        await shown.field("Channel").fill("shop.eu.orders")
        await shown.button("Explain").click()
        await expect(shown.page.get_by_label("Explanation")).to_be_visible()
        await picture(shown, "explain")


async def dark(browser: Browser, address: str) -> None:
    """Take the pictures of a large window in the dark."""
    async with (
        tab(browser, address, dark=True) as shown,
        tab(browser, address) as follower,  # an edge hands on what somebody follows
    ):
        await follower.go("tap")
        await shown.go("tap")
        await expect(shown.page.locator(".events li").nth(18)).to_be_visible()
        await picture(shown, "tap")
        await shown.go("nodes")
        await asyncio.sleep(20)
        await shown.page.get_by_role("link", name="Channels").click()
        await asyncio.sleep(40)
        await picture(shown, "channels")
        await shown.page.get_by_role("link", name="Nodes").click()
        await expect(shown.page.locator(".chart canvas").first).to_be_visible()
        await expect(shown.page.locator(".card").filter(has_text="Log engine")).to_be_visible()
        await picture(shown, "nodes")


async def narrow(browser: Browser, address: str) -> None:
    """Take the pictures of a phone."""
    async with tab(browser, address, phone=True, dark=True) as shown:
        await chat(shown)
        await picture(shown, "chat-phone")
        await shown.go("tap", "lobby")
        await expect(shown.page.locator(".events li").nth(5)).to_be_visible()
        await picture(shown, "tap-phone")


async def take(installation: Installation) -> None:
    """Take all pictures."""
    async with (
        async_playwright() as playwright,
        serving(installation.grpc, "GUIDE", guide, max_concurrency=4),
        httpx.AsyncClient(base_url=f"http://{installation.http}") as http,
        asyncio.TaskGroup() as tasks,
    ):
        busy = tasks.create_task(traffic(http))
        words = " ".join(str(number) for number in range(2000))
        for agent in ("LUCIDIA", "LUCIDIA", "PRISM"):
            await http.post("/v1/streams", json={"agent": agent, "prompt": words})
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        await light(browser, installation.http)
        await dark(browser, installation.http)
        await narrow(browser, installation.http)
        await browser.close()
        busy.cancel()


if __name__ == "__main__":
    settings = {"NODE": "core-1", "MODELS__ECHO_WORDS_PER_SECOND": "5"}
    settings["LIMITS__USER__MESSAGES_PER_SECOND"] = "1000"
    PLACE.mkdir(parents=True, exist_ok=True)
    with up(**settings) as started, suppress(KeyboardInterrupt):
        asyncio.run(take(started))
