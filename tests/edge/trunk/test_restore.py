"""Browsers whose edge loses its core and finds it again: each event once, over the wire too."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blackroad.client import Client
from tests.client.cable import Cable
from tests.edge.rig import Browser, EdgeRig, next_event, running_edge, until
from tests.effort import examples

BROWSERS = 25
EVENTS = 60
LISTS = ("channels", "presence")
WAIT_SECONDS = 2.0


@asynccontextmanager
async def cabled(core: str) -> AsyncGenerator[tuple[Cable, EdgeRig, Client]]:
    """Give an edge whose way to the core can be cut, and a publisher that has another one."""
    async with (
        Cable.laid(core) as cable,
        running_edge(cable.url.removeprefix("grpc://")) as rig,
        Client(f"grpc://{core}") as publisher,
    ):
        await rig.edge.context.trunk.link()
        yield cable, rig, publisher


async def live(rig: EdgeRig) -> None:
    """Wait until LIVE's cursor holds for all who follow something."""
    sessions = rig.edge.context.trunk.sessions
    await until(lambda: all(session.bookmark for session in sessions.values()))


async def connected_again(rig: EdgeRig, links: int) -> None:
    """Wait until there was a link more than these."""
    await until(lambda: rig.edge.context.trunk.restarts > links)


async def contents(browser: Browser, count: int) -> list[object]:
    """Return what the next messages say; nothing else may come but bookmarks."""
    found: list[object] = []
    while len(found) < count:
        frame = await browser.next()
        if frame["type"] != "bookmark":
            assert frame["type"] == "message", frame
            found.append(frame["content"])
    return found


async def silent(browser: Browser) -> None:
    """Check that nothing more has come; a bookmark may, with time."""
    await browser.say("ping", id="silent")
    while (frame := await browser.next())["type"] == "bookmark":
        pass
    assert frame["type"] == "pong", frame


async def test_all_browsers_share_one_catching_up(core: str) -> None:
    async with cabled(core) as (cable, rig, publisher), AsyncExitStack() as stack:
        trunk = rig.edge.context.trunk
        browsers = [
            await stack.enter_async_context(rig.browser(f"b{number}")) for number in range(BROWSERS)
        ]
        for browser in browsers:
            await browser.follow("room")
        await live(rig)
        for first in (0, EVENTS):
            links = trunk.restarts
            cable.cut()
            for number in range(first, first + EVENTS):
                await publisher.publish("room", number)
            await connected_again(rig, links)
        everything = list(range(2 * EVENTS))
        for browser in browsers:
            assert await contents(browser, 2 * EVENTS) == everything
        for browser in browsers:
            await silent(browser)
        assert trunk.live_events == 2 * EVENTS, "each crossed once"
        assert trunk.catch_up_events == 0, "and none for a single browser"


@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cuts=st.lists(st.integers(0, EVENTS - 1), min_size=1, max_size=4),
    late=st.integers(0, EVENTS - 1),
)
async def test_wherever_it_is_cut_everybody_gets_everything_once(
    core: str, cuts: list[int], late: int
) -> None:
    room = f"room.{uuid4().hex[:8]}"
    async with (
        cabled(core) as (cable, rig, publisher),
        rig.browser("name") as by_name,
        rig.browser("pattern") as by_pattern,
        rig.browser("both") as by_both,
        rig.browser("late") as by_cursor,
        rig.events(f"/events/sse?channels={room}") as events,
    ):
        await next_event(events, "connected")
        start = (await by_name.follow(room))["cursor"]
        await by_pattern.follow(f"{room}.>")
        await by_both.follow(room)
        await by_both.follow(f"{room}.*")
        for number in range(EVENTS):
            await publisher.publish(room, number)
            await publisher.publish(f"{room}.x", number)
            if number in cuts:
                cable.cut()
            if number == late:
                await by_cursor.say("subscribe", room=room, cursor=start)
        everything = list(range(EVENTS))
        assert await contents(by_name, EVENTS) == everything
        assert await contents(by_pattern, EVENTS) == everything
        both = await contents(by_both, 2 * EVENTS)
        assert (both[::2], both[1::2]) == (everything, everything)
        for number in everything:
            assert (await next_event(events, "message")).data == number
            assert (await by_cursor.find("message"))["content"] == number
        for browser in (by_name, by_pattern, by_both):
            await silent(browser)


async def test_without_a_core_every_door_waits_alone() -> None:
    loop = asyncio.get_running_loop()
    async with (
        running_edge("127.0.0.1:9", core_wait_seconds=WAIT_SECONDS) as rig,
        rig.http() as http,
    ):
        begun = loop.time()
        doors = handshake(rig), stream(rig), *(call(http, f"/v1/{what}") for what in LISTS)
        waiting = [asyncio.create_task(door) for door in doors]
        for path, status in (("/healthz", 200), ("/readyz", 503)):
            assert (await http.get(path)).status_code == status
        assert not any(task.done() for task in waiting), "the probes wait for nobody"
        for task in waiting:
            assert await task == "unavailable"
        assert loop.time() - begun >= WAIT_SECONDS


async def handshake(rig: EdgeRig) -> object:
    """Open a WebSocket; return the code with which it ends at once."""
    async with rig.browser("alice") as browser:
        assert browser.welcome["type"] == "closing"
        return browser.welcome["code"]


async def stream(rig: EdgeRig) -> object:
    """Open an event stream; return the code with which it ends."""
    async with rig.events("/events/alice?channels=room") as events:
        return (await next_event(events, "closing")).fields["code"]


async def call(http: httpx.AsyncClient, path: str) -> object:
    """Ask for what the core knows; return the code of the refusal."""
    response = await http.get(path)
    assert response.status_code == 503
    return response.json()["code"]
