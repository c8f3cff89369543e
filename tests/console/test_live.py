"""The console at work: channels, answers, agents and sessions as they are, while they change."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import httpx
import pytest
from playwright.async_api import Browser, expect

from blackroad.client import Call, Client, Text, Thinking, ToolCall, ToolResult, Usage, Yielded
from tests.console.tab import Tab, tab
from tests.journeys.serving import fresh, serving
from tests.processes import Installation

pytestmark = [
    pytest.mark.usefixtures("one_loop"),
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


async def published(installation: Installation, room: str, content: object, event: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://{installation.http}") as http:
        body = {"channel": room, "content": content, "event": event}
        (await http.post("/v1/publish", json=body)).raise_for_status()


async def say(shown: Tab, content: str) -> None:
    await shown.page.get_by_label("Content, text or JSON").fill(content)
    await shown.button("Publish").click()


async def test_two_tabs_and_a_phone_see_the_same_channel(
    chromium: Browser, installation: Installation, room: str
) -> None:
    http = installation.http
    async with (
        tab(chromium, http) as first,
        tab(chromium, http, dark=True) as second,
        tab(chromium, http, phone=True) as phone,
    ):
        tabs = (first, second, phone)
        for each in tabs:
            await each.go("tap", room)
            await each.connected()
        for content, speaker in (("one", first), ('{"n": 2}', phone), ("three", second)):
            await say(speaker, content)
            for each in tabs:
                newest = each.page.locator(".events .line").first
                await expect(newest).to_have_text(content.replace(" ", ""))
        for each in tabs:
            lines = await each.page.locator(".events .line").all_text_contents()
            assert lines == ["three", '{"n":2}', "one"]
        await first.go("tap", room)
        await expect(first.page.locator(".events li")).to_have_count(3)
        assert [problem for each in tabs for problem in each.problems] == []


async def test_a_reload_in_the_middle_of_an_answer_goes_on_with_it(
    chromium: Browser, installation: Installation
) -> None:
    go_on = asyncio.Event()

    async def slow(call: Call) -> AsyncGenerator[str]:
        yield f"You said {call.text}"
        await go_on.wait()
        yield ", and that is all."

    name = fresh("SLOW")
    async with serving(installation.grpc, name, slow), tab(chromium, installation.http) as shown:
        await shown.go("chat", name)
        await shown.field(f"Message to {name}").fill("hello")
        await shown.page.keyboard.press("Enter")
        answer = shown.page.locator(".turn .text")
        await expect(answer).to_have_text("You said hello")
        await shown.page.reload()
        await expect(answer).to_have_text("You said hello")
        await expect(shown.button("Stop")).to_be_visible()
        go_on.set()
        await expect(answer).to_have_text("You said hello, and that is all.")
        await expect(shown.button("Send")).to_be_visible()
        await shown.page.reload()
        await expect(answer).to_have_text("You said hello, and that is all.")
        await expect(shown.page.locator(".asked")).to_have_text("hello")
        await expect(shown.page.locator(".foot")).to_contain_text("tokens in")
        assert shown.problems == []


async def test_stop_reaches_the_agent_and_all_who_watch(
    chromium: Browser, installation: Installation
) -> None:
    stopped = asyncio.Event()

    async def endless(call: Call) -> AsyncGenerator[str]:
        try:
            yield "I go on and on"
            await asyncio.Event().wait()
        finally:
            if call.cancelled:
                stopped.set()

    name = fresh("ENDLESS")
    async with (
        serving(installation.grpc, name, endless),
        tab(chromium, installation.http) as asker,
        tab(chromium, installation.http) as watcher,
    ):
        await asker.go("chat", name)
        await asker.field(f"Message to {name}").fill("go")
        await asker.button("Send").click()
        await expect(asker.text("I go on and on")).to_be_visible()
        await watcher.go("streams")
        row = watcher.page.get_by_role("row").filter(has_text=name)
        await expect(row.locator("td.number")).to_have_text("1")
        await row.get_by_role("link").click()
        await expect(watcher.text("I go on and on")).to_be_visible()
        await expect(row.locator("td.number")).to_have_text("2")
        await watcher.go("agents")
        card = watcher.page.locator(".card").filter(has_text=name)
        await expect(card.locator(".load b")).to_have_text("1")
        await asker.button("Stop").click()
        async with asyncio.timeout(30):
            await stopped.wait()
        await expect(asker.page.locator(".foot")).to_contain_text("stopped")
        await expect(card.locator(".load b")).to_have_text("0")
        assert asker.problems + watcher.problems == []


async def test_an_answer_in_progress_is_shown_however_many_have_ended_since(
    chromium: Browser, installation: Installation
) -> None:
    async def act(call: Call) -> AsyncGenerator[str]:
        yield "so far"
        if call.text == "wait":
            await asyncio.Event().wait()

    name = fresh("LONG")
    async with (
        serving(installation.grpc, name, act, max_concurrency=50),
        Client(f"grpc://{installation.grpc}") as c,
        tab(chromium, installation.http) as shown,
    ):
        waiting = c.invoke(name, "wait")
        async for part in waiting:
            if isinstance(part, Text):
                break
        for _ in range(3):
            await asyncio.gather(*(c.invoke(name, "go").text() for _ in range(40)))
        await shown.go("streams")
        running = shown.page.get_by_label("In progress").get_by_role("row").filter(has_text=name)
        await expect(running).to_have_count(1)
        await waiting.cancel()
        await expect(running).to_have_count(0)
        assert shown.problems == []


async def test_an_answer_shows_thoughts_tools_and_a_question(
    chromium: Browser, installation: Installation
) -> None:
    async def guide(call: Call) -> AsyncGenerator[Yielded]:
        yield Thinking("First the timetable.")
        yield ToolCall("t1", "timetable", '{"to": "Wien"}')
        yield ToolResult("t1", '{"trains": 2}')
        yield "There are **two** trains."
        which = await call.ask("Which one?", {"type": "string", "enum": ["early", "late"]})
        yield f" The {which} one is booked."
        yield Usage(12, 34)

    name = fresh("GUIDE")
    async with serving(installation.grpc, name, guide), tab(chromium, installation.http) as shown:
        await shown.go("chat", name)
        await shown.field(f"Message to {name}").fill("to Wien")
        await shown.page.keyboard.press("Enter")
        await expect(shown.page.locator("strong", has_text="two")).to_be_visible()
        await shown.page.locator(".tool summary").click()
        await expect(shown.page.get_by_label("Result")).to_contain_text('"trains": 2')
        await shown.page.reload()
        await shown.button("late").click()
        await expect(shown.text("The late one is booked.")).to_be_visible()
        await expect(shown.page.locator(".foot")).to_contain_text("12 tokens in, 34 out")
        await shown.text("Thought").click()
        await expect(shown.text("First the timetable.")).to_be_visible()
        assert shown.problems == []


async def test_an_agent_that_is_gone_is_said_to_be(
    chromium: Browser, installation: Installation
) -> None:
    async with tab(chromium, installation.http) as shown:
        await shown.go("chat", "NOBODY")
        await shown.field("Message to NOBODY").fill("hello")
        await shown.page.keyboard.press("Enter")
        await expect(shown.page.locator(".foot .why")).to_have_text("nobody serves NOBODY now")
        assert shown.problems == []


async def test_agents_come_and_go_while_one_looks(
    chromium: Browser, installation: Installation
) -> None:
    async def quiet(call: Call) -> AsyncGenerator[str]:
        yield call.text

    name = fresh("GUEST")
    async with tab(chromium, installation.http) as shown:
        await shown.go("agents")
        card = shown.page.locator(".card").filter(has_text=name)
        await expect(shown.page.locator(".card").filter(has_text="LUCIDIA")).to_be_visible()
        async with serving(installation.grpc, name, quiet, max_concurrency=3):
            await expect(card.locator(".load")).to_contain_text("0 of 3 in progress")
            await expect(card.locator(".status")).to_have_text("online")
        await expect(card).to_have_count(0)
        assert shown.problems == []


async def test_the_tap_is_searched_filtered_and_held(
    chromium: Browser, installation: Installation, room: str
) -> None:
    async with tab(chromium, installation.http) as shown:
        await shown.go("tap", f"{room}.*")
        await shown.connected()
        await expect(shown.page.locator(".empty")).to_be_visible()
        rows = shown.page.locator(".events li")
        for word in ("one", "two", "three"):
            await published(installation, f"{room}.a", {"apple": word}, "fruit.ripe")
            await published(installation, f"{room}.b", f"carrot {word}", "message")
        await expect(rows).to_have_count(6)
        await shown.page.get_by_label("Search in events").fill("two CARROT")
        await expect(rows).to_have_count(1)
        await shown.page.get_by_label("Search in events").fill("")
        await shown.page.get_by_label("Type of event").select_option("fruit.ripe")
        await expect(rows).to_have_count(3)
        await shown.page.get_by_label("Type of event").select_option("")
        await shown.button("Pause").click()
        await published(installation, f"{room}.a", "late", "message")
        await shown.button("Go on (1 new)").click()
        await expect(rows).to_have_count(7)
        await rows.first.locator("summary").focus()
        await shown.page.keyboard.press("ArrowDown")
        await expect(rows.nth(1).locator("summary")).to_be_focused()
        await shown.page.keyboard.press("ArrowUp")
        await shown.page.keyboard.press("Enter")
        whole = shown.page.get_by_label("The whole event")
        await expect(whole).to_contain_text('"content": "late"')
        await shown.button("Clear").click()
        await expect(rows).to_have_count(0)
        assert shown.problems == []


async def test_channels_have_rates(
    chromium: Browser, installation: Installation, room: str
) -> None:
    async with tab(chromium, installation.http) as shown:
        await published(installation, room, 1, "message")
        await shown.go("channels")
        row = shown.page.get_by_role("row").filter(has_text=room)
        await expect(row.locator("td.number").nth(1)).to_have_text("1")
        for number in range(5):
            await published(installation, room, number, "message")
        await expect(row.locator("td.number").first).not_to_have_text("0")
        await expect(row.locator("td.number").nth(1)).to_have_text("6")
        await row.get_by_role("link").click()
        await expect(shown.page.locator(".events li")).to_have_count(6)
        assert shown.problems == []


async def test_thousands_of_channels_are_searched_and_the_busiest_come_first(
    chromium: Browser, installation: Installation, room: str
) -> None:
    names = [f"{room}.{number:03}" for number in range(700)]
    async with Client(f"grpc://{installation.grpc}") as c:
        await asyncio.gather(*(c.publish(name, "x") for name in names))
        async with tab(chromium, installation.http) as shown:
            await shown.go("channels")
            rows = shown.page.locator("tbody tr")
            await expect(shown.page.locator(".note")).to_contain_text("200 of ")
            await expect(rows).to_have_count(200)
            await shown.field("Search channels").fill(f"{room}.699")
            await expect(rows).to_have_count(1)
            await shown.field("Search channels").fill(f"{room}.*")
            await expect(shown.page.locator(".note")).to_contain_text("200 of 700")
            await expect(rows.first).to_contain_text(names[0])
            await shown.button("Events/s").click()
            busy = asyncio.create_task(publish_on(c, names[650]))
            await expect(rows.first).to_contain_text(names[650])
            busy.cancel()
            assert shown.problems == []


async def publish_on(client: Client, channel: str) -> None:
    """Publish until cancelled."""
    while True:
        await client.publish(channel, "again")
        await asyncio.sleep(0.1)


async def test_many_agents_are_searched_by_name_and_by_what_they_can(
    chromium: Browser, installation: Installation
) -> None:
    async def quiet(call: Call) -> AsyncGenerator[str]:
        yield call.text

    name = fresh("CROWD")
    async with AsyncExitStack() as stack, tab(chromium, installation.http) as shown:
        for number in range(9):
            await stack.enter_async_context(
                serving(installation.grpc, f"{name}-{number}", quiet, max_concurrency=3)
            )
        await shown.go("agents")
        cards = shown.page.locator(".card")
        await shown.field("Search who is here").fill(f"online {name.lower()}")
        await expect(cards).to_have_count(9)
        await expect(shown.page.locator(".sum")).to_contain_text("9 of ")
        await shown.field("Search who is here").fill("reasoning")
        await expect(cards).to_have_count(1)
        await expect(cards).to_contain_text("LUCIDIA")
        await shown.field("Search who is here").fill("nobody at all")
        await expect(shown.text("Nobody here fits.")).to_be_visible()
        assert shown.problems == []


async def test_explain_says_why(chromium: Browser, installation: Installation, room: str) -> None:
    async with tab(chromium, installation.http) as shown, tab(chromium, installation.http) as other:
        await other.go("tap", room)
        await other.connected()
        await shown.go("explain")
        row = shown.page.get_by_role("row").filter(has_text=room)
        await row.get_by_role("link").click()
        await shown.field("Channel").fill(room)
        await shown.button("Explain").click()
        verdict = shown.page.get_by_label("Explanation")
        await expect(verdict).to_contain_text("It gets the events")
        await shown.field("Channel").fill(f"{room}.other")
        await shown.button("Explain").click()
        await expect(verdict).to_contain_text("It does not get the events")
        await expect(verdict).to_contain_text("none of its subscriptions matches")
        assert shown.problems == []


async def test_nodes_have_curves(chromium: Browser, installation: Installation) -> None:
    async with tab(chromium, installation.http) as shown:
        await shown.go("nodes")
        await expect(shown.page.locator(".card").filter(has_text="Log engine")).to_contain_text(
            "memory"
        )
        await expect(shown.page.locator(".chart canvas")).to_have_count(2)
        both = shown.page.get_by_role("row").filter(has_text="edge and core")
        await expect(both.locator("td.number").first).to_contain_text("ms")
        assert shown.problems == []
