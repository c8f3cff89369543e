"""The whole product on each kind of engine: an agent at one core, browsers at another's edge."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from blackroad.client import Call, Client, RealtimeError
from blackroad.core.log.redis.embedded import server_binary
from tests.conformance.doors import Inbox, View
from tests.conformance.grpc_door import dialled
from tests.conformance.records import Gap, Refused, text_of
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor, WebSocketSession
from tests.journeys.cores import Cores, cores, has_worker
from tests.journeys.fleets import until
from tests.journeys.serving import fresh, serving
from tests.journeys.test_fleet import has
from tests.processes import part
from tests.servers import Cluster, Sentinels, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ENGINES = ("partitions", "cluster", "sentinel")
ROOMS = 12  # so that most partitions have one


@contextmanager
def fleet_on(engine: str) -> Generator[Cores]:
    """Run three cores on a kind of engine."""
    with ExitStack() as stack:
        if engine == "cluster":
            cluster = Cluster()
            stack.callback(cluster.end)
            hosts = ",".join(f"127.0.0.1:{server.port}" for server in cluster.servers)
            yield stack.enter_context(cores(f"redis+cluster://{hosts}"))
        elif engine == "sentinel":
            sentinels = Sentinels()
            stack.callback(sentinels.end)
            yield stack.enter_context(cores(log_of(sentinels)))
        else:
            server = Server(server_binary())
            stack.callback(server.end)
            log = f"redis://127.0.0.1:{server.port}"
            yield stack.enter_context(cores(log, ENGINE__PARTITIONS="4"))


def log_of(sentinels: Sentinels) -> str:
    """Return the setting `log` for what a sentinel watches."""
    return f"redis+sentinel://127.0.0.1:{sentinels.sentinel.port}/main"


async def words(call: Call) -> AsyncGenerator[str]:
    """Say back what was asked, word by word."""
    for word in call.text.split():
        yield f"{word} "


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_agent_at_one_core_and_browsers_at_another(room: str, engine: str) -> None:
    name, rooms = fresh("agent"), [f"{room}.{number}" for number in range(ROOMS)]
    with fleet_on(engine) as fleet, ExitStack() as stack:
        here, there = fleet.address("core-0"), fleet.address("core-1")
        # One edge at a core that is named, one at any of those that the name stands for.
        edge = stack.enter_context(part("edge", HTTP="127.0.0.1:0", CORE=there))
        second = stack.enter_context(part("edge", HTTP="127.0.0.1:0", CORE=fleet.dns))
        async with (
            serving(here, name, words),
            Client(f"grpc://{here}") as agent,
            WebSocketDoor(edge.addresses["http"]).session("ann") as browser,
            WebSocketDoor(second.addresses["http"]).session("bob") as other,
            SseDoor(second.addresses["http"]).session("cid") as curl,
        ):
            await fleet.node(there, has_worker)
            # Events of many channels, by name and by pattern, in the order of each channel.
            for each in rooms:
                await browser.subscribe(each)
            await other.subscribe(f"{room}.*")
            await curl.subscribe(f"{room}.*")
            for number in range(3):
                for each in rooms:
                    await agent.publish(each, number)
            for inbox in (browser.inbox, other.inbox, curl.inbox):
                came = [await inbox.said() for _ in range(3 * ROOMS)]
                for each in rooms:
                    assert [one.content for one in came if one.channel == each] == [0, 1, 2]
            # An answer from the agent at the other core, seen whole at both edges.
            view = await browser.invoke(name, "one two three")
            assert text_of(await view.rest()).split() == ["one", "two", "three"]
            late = await other.join(view.stream_id)
            assert text_of(await late.rest()).split() == ["one", "two", "three"]
            # A cursor of one edge holds at the other.
            cursor = browser.inbox.cursor
            await agent.publish(rooms[0], "missed")
            async with WebSocketDoor(second.addresses["http"]).session("ann") as again:
                assert (await again.subscribe(rooms[0], cursor=cursor)).recovered is True
                assert (await again.inbox.said()).content == "missed"
            # Who is there is known at every core.
            async with dialled(fleet.address("core-2")) as channel:
                await until(partial(has, channel, "ann", 1))


async def test_a_fail_over_is_told_and_everything_goes_on(room: str) -> None:
    name = fresh("agent")
    sentinels = Sentinels()
    try:
        with cores(log_of(sentinels)) as fleet:
            here, there = fleet.address("core-0"), fleet.address("core-1")
            with part("edge", HTTP="127.0.0.1:0", CORE=there) as edge:
                async with (
                    serving(here, name, words),
                    Client(f"grpc://{here}") as agent,
                    WebSocketDoor(edge.addresses["http"]).session("ann") as browser,
                ):
                    await fleet.node(there, has_worker)
                    await browser.subscribe(room)
                    await agent.publish(room, "before")
                    assert (await browser.inbox.said()).content == "before"
                    await asyncio.to_thread(sentinels.master.kill)
                    gap = asyncio.create_task(gap_of(browser.inbox))
                    await published(agent, room, "after")
                    await gap
                    view = await asked(browser, name, "still there?")
                    assert text_of(await view.rest()).split() == ["still", "there?"]
    finally:
        sentinels.end()


async def published(agent: Client, room: str, content: str) -> None:
    """Publish until the log takes it."""
    async with asyncio.timeout(60):
        while True:
            try:
                await agent.publish(room, content)
            except RealtimeError:
                await asyncio.sleep(0.1)
            else:
                return


async def asked(browser: WebSocketSession, name: str, text: str) -> View:
    """Ask until the browser's own core is back at the log too."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await browser.invoke(name, text)
            except Refused as refused:
                if not refused.retryable:
                    raise
                await asyncio.sleep(0.1)


async def gap_of(inbox: Inbox) -> None:
    """Read up to a gap."""
    async with asyncio.timeout(60):
        while not isinstance(await inbox.items.get(), Gap):
            pass
