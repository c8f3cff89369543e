"""Who loses its core moves to another, found by a list or by a name: a pause, nothing else."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from statistics import median

import pytest

from blackroad.client import Call, Client, Event, RealtimeError
from tests.conformance.doors import Door
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.journeys.cores import cores, has_edge, has_worker
from tests.journeys.serving import fresh, serving
from tests.journeys.traffic import Reader, reading, talking
from tests.processes import part

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# What is promised, and how often a busy machine may take it. A core that stands still takes
# connections: it is known by five seconds of silence.
PROMISED_SECONDS = {"drained": 1.0, "killed": 1.0, "stopped": 7.0}
PATIENCE = 10
WAYS = ("list", "dns")
SOCKETS, STREAMS = 8, 4


def tell(text: str) -> None:
    """Print a figure."""
    sys.stdout.write(f"{text}\n")


@asynccontextmanager
async def browsers(http: str, room: str) -> AsyncGenerator[list[Reader]]:
    """Have sockets and streams follow a room, some by name and some by a pattern."""
    pattern = room.rpartition(".")[0] + ".*"
    doors: list[Door] = [*([WebSocketDoor(http)] * SOCKETS), *([SseDoor(http)] * STREAMS)]
    async with AsyncExitStack() as stack:
        readers: list[Reader] = []
        for number, door in enumerate(doors):
            session = await stack.enter_async_context(door.session(f"browser-{number}"))
            await session.subscribe(pattern if number % 2 else room)
            readers.append(Reader(f"{door.name} {number}", session.inbox))
        await stack.enter_async_context(reading(readers))
        yield readers


@pytest.mark.parametrize("way", WAYS)
async def test_browsers_notice_a_pause_and_nothing_else(room: str, way: str) -> None:
    with cores() as fleet, part("edge", HTTP="127.0.0.1:0", CORE=fleet.way(way)) as edge:
        async with browsers(edge.addresses["http"], room) as readers:
            home = await fleet.node(fleet.listed.split(",")[0], has_edge)
            last = -1
            for fault, promised in PROMISED_SECONDS.items():
                elsewhere, since = fleet.other(home), time.monotonic()
                async with (
                    GrpcDoor(elsewhere).session() as publisher,
                    talking(partial(publisher.publish, room), last) as talk,
                ):
                    await talk.more(20)
                    await fleet.strike(home, fault)
                    moved = await fleet.node(elsewhere, has_edge, but=home)
                    await talk.more(20)
                last = talk.last
                for reader in readers:
                    await reader.has(last)
                pauses = [reader.pause_seconds(since) for reader in readers]
                tell(
                    f"core {fault}, cores by {way}: {len(pauses)} browsers, "
                    f"pause {median(pauses):.3f} s, the longest {max(pauses):.3f} s"
                )
                assert max(pauses) < promised * PATIENCE
                await fleet.mend(home)
                home = moved


async def words(call: Call) -> AsyncGenerator[str]:
    """Say back what was asked."""
    yield call.text


async def answered(address: str, name: str) -> None:
    """Ask an agent until it answers."""
    async with Client(f"grpc://{address}") as client, asyncio.timeout(60):
        while True:
            try:
                assert await client.invoke(name, "there?").text() == "there?"
                return
            except RealtimeError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", WAYS)
async def test_an_agent_serves_on_at_another_core(way: str) -> None:
    name = fresh("agent")
    with cores() as fleet:
        async with serving(fleet.way(way), name, words):
            home = await fleet.node(fleet.address("core-0"), has_worker)
            await answered(fleet.other(home), name)
            for fault in ("drained", "killed"):
                elsewhere = fleet.other(home)
                began = time.monotonic()
                await fleet.strike(home, fault)
                moved = await fleet.node(elsewhere, has_worker, but=home)
                await answered(elsewhere, name)
                seconds = time.monotonic() - began
                tell(f"core {fault}, cores by {way}: an agent answers after {seconds:.3f} s")
                await fleet.mend(home)
                home = moved


@pytest.mark.parametrize("way", WAYS)
async def test_a_subscriber_of_the_sdk_misses_nothing(room: str, way: str) -> None:
    with cores() as fleet:
        async with Client(fleet.way(way)) as client, client.subscribe(room) as subscription:
            seen: list[object] = []

            async def read() -> None:
                async for event in subscription:
                    assert isinstance(event, Event), event
                    seen.append(event.content)

            last = -1
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(read())
                for fault in ("drained", "killed"):
                    home = await fleet.home_of(fleet.address("core-0"), room)
                    async with (
                        GrpcDoor(fleet.other(home)).session() as publisher,
                        talking(partial(publisher.publish, room), last) as talk,
                    ):
                        await talk.more(20)
                        await fleet.strike(home, fault)
                        await talk.more(20)
                    last = talk.last
                    async with asyncio.timeout(60):
                        while not seen or seen[-1] != last:  # noqa: ASYNC110 - nobody tells us
                            await asyncio.sleep(0.02)
                    await fleet.mend(home)
                reader.cancel()
            assert seen == list(range(last + 1))
