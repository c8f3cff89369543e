"""What is promised of presence, in figures: who is gone is gone everywhere soon; nobody else is."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import pytest
from websockets.asyncio.client import ClientConnection, connect

from blackroad.client import Client
from blackroad.core.log.redis.embedded import server_binary
from tests.chaos.fleet import Fleet, nodes
from tests.journeys.keys import token
from tests.servers import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.redis,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("one_loop"),
]
COUNT: Final = 50
LEAVE_SECONDS: Final = 1.0
GONE_SECONDS: Final = 10.0
NODE_SECONDS: Final = 5.0  # no grace applies to a node itself
BEARS: Final = 10  # times the promise, for any single one: the machine has other work
PAUSE_SECONDS: Final = 4.0
STILL_SECONDS: Final = 6.5  # longer than anybody waits for a core
QUIET_SECONDS: Final = 7.0  # after which whoever was taken for lost would have gone


class Watch:
    """What watchers at several cores are told, and when."""

    def __init__(self) -> None:
        self.status: dict[tuple[str, str], str] = {}  # by watcher and entity
        self.gone: dict[tuple[str, str], float] = {}
        self.leaves = 0
        self._changed = asyncio.Event()

    async def run(self, name: str, kind: str, client: Client) -> None:
        """Watch by one client, until cancelled."""
        async for one in client.presence(kind):
            place = name, one.entity_id
            if one.status == "offline" and self.status.get(place, "offline") != "offline":
                self.gone[place] = time.monotonic()
                self.leaves += 1
            self.status[place] = one.status
            self._changed.set()

    async def until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Return once something is so."""
        async with asyncio.timeout(seconds):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def left(self, places: Collection[tuple[str, str]], seconds: float) -> None:
        """Return once watchers know that entities are gone."""
        await self.until(lambda: all(place in self.gone for place in places), seconds)

    async def here(self, names: Sequence[str], watchers: Sequence[str]) -> None:
        """Return once every watcher knows all of them to be here."""
        places = [(watcher, name) for watcher in watchers for name in names]
        await self.until(lambda: all(self.status.get(one) == "online" for one in places), 30)


@asynccontextmanager
async def watching(places: Sequence[str], kind: str) -> AsyncGenerator[Watch]:
    """Watch a kind at each of some cores."""
    watch = Watch()
    shown = token("watcher", ">", "presence.>", kind="service")
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(
                watch.run(
                    place, kind, await stack.enter_async_context(Client(f"grpc://{place}", shown))
                )
            )
            for place in places
        ]
        yield watch
        for task in running:
            task.cancel()


@asynccontextmanager
async def fleet() -> AsyncGenerator[tuple[Fleet, Server]]:
    """Run a fleet on one server."""
    server = Server(server_binary())
    try:
        async with Fleet([f"redis://127.0.0.1:{server.port}"] * 3) as running:
            yield running, server
    finally:
        server.end()


async def browser(place: str, name: str) -> ClientConnection:
    """Open a WebSocket."""
    headers = {"Authorization": f"Bearer {token(name)}"}
    opened = await connect(f"ws://{place}/ws/{name}", additional_headers=headers, proxy=None)
    await opened.recv()
    return opened


async def browsers(running: Fleet) -> dict[str, ClientConnection]:
    """Open a WebSocket for each of many, at each edge in turn."""
    names = [f"ann-{number}" for number in range(COUNT)]
    return {
        name: await browser(running.http[number % len(running.http)], name)
        for number, name in enumerate(names)
    }


def told(what: str, promised: float, seconds: Sequence[float]) -> None:
    """Print a figure; fail where any single one is out of all proportion."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    middle = ordered[len(ordered) // 2]
    print(
        f"\n{what}: median {middle:.2f} s, p99 {p99:.2f} s, most {ordered[-1]:.2f} s"
        f" of {len(ordered)} (promised {promised:.0f} s)"
    )
    assert ordered[-1] < BEARS * promised


async def test_a_clean_leave_shows_everywhere_and_a_pause_of_the_server_makes_nobody_leave() -> (
    None
):
    async with fleet() as (running, server), watching(running.grpc, "user") as watch:
        opened = await browsers(running)
        await watch.here(list(opened), running.grpc)
        server.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(PAUSE_SECONDS)
        server.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(QUIET_SECONDS)
        await running.whole()
        print(f"\na server that stands still for {PAUSE_SECONDS:.0f} s: {watch.leaves} leave")
        assert watch.leaves == 0
        await watch.here(list(opened), running.grpc)
        seconds: list[float] = []
        for name, connection in opened.items():
            places = [(core, name) for core in running.grpc]
            left = time.monotonic()
            await connection.close()
            await watch.left(places, BEARS * LEAVE_SECONDS)
            seconds += [watch.gone[place] - left for place in places]
        told("a clean leave, at each core", LEAVE_SECONDS, seconds)


async def test_who_was_at_a_killed_core_is_gone_everywhere_and_who_has_another_does_not_flap() -> (
    None
):
    async with AsyncExitStack() as stack:
        running, _ = await stack.enter_async_context(fleet())
        rest = running.grpc[1:]
        users = await stack.enter_async_context(watching(rest, "user"))
        services = await stack.enter_async_context(watching(rest, "service"))
        opened = await browsers(running)
        names = [f"desk-{number}" for number in range(COUNT)]
        for name in names:
            shown = token(name, kind="service")
            client = await stack.enter_async_context(Client(f"grpc://{running.grpc[0]}", shown))
            await stack.enter_async_context(client.announce())
        await users.here(list(opened), rest)
        await services.here(names, rest)
        killed = time.monotonic()
        await running.kill("core0")
        left: list[float] = []
        for place in rest:
            async with asyncio.timeout(BEARS * NODE_SECONDS):
                while await nodes(place) != running.cores[1:]:  # noqa: ASYNC110 (over the network)
                    await asyncio.sleep(0.02)
            left.append(time.monotonic() - killed)
        places = {(core, name) for core in rest for name in names}
        await services.left(places, BEARS * GONE_SECONDS)
        await asyncio.sleep(QUIET_SECONDS)
        told("a killed core, at each other", NODE_SECONDS, left)
        told(
            "its sessions, at each other core",
            GONE_SECONDS,
            [services.gone[place] - killed for place in places],
        )
        print(f"\n{COUNT} browsers behind edges that had it and two others: {users.leaves} leave")
        assert users.leaves == 0
        assert services.leaves == len(places), "each leave is told once"
        for connection in opened.values():
            await connection.close()


async def test_who_was_at_a_killed_edge_is_gone_everywhere() -> None:
    async with fleet() as (running, _), watching(running.grpc, "user") as watch:
        names = [f"bea-{number}" for number in range(COUNT)]
        opened = [await browser(running.http[0], name) for name in names]
        await watch.here(names, running.grpc)
        killed = time.monotonic()
        await running.kill("edge0")
        places = {(core, name) for core in running.grpc for name in names}
        await watch.left(places, BEARS * GONE_SECONDS)
        told(
            "sessions of a killed edge, at each core",
            GONE_SECONDS,
            [watch.gone[place] - killed for place in places],
        )
        assert watch.leaves == len(places), "each leave is told once"
        for connection in opened:
            await connection.close()


async def test_a_core_that_stands_still_takes_nobody_away() -> None:
    async with fleet() as (running, _), watching(running.grpc, "user") as watch:
        opened = await browsers(running)
        await watch.here(list(opened), running.grpc)
        for core in running.cores:
            running.signal(core, signal.SIGSTOP)
            await asyncio.sleep(STILL_SECONDS)
            running.signal(core, signal.SIGCONT)
            await asyncio.sleep(QUIET_SECONDS)
            await running.whole()
        for place in running.grpc:
            async with Client(f"grpc://{place}", token("asker", ">", "presence.>")) as client:
                listed = [one.entity_id for one in await client.presence("user")]
            assert set(opened) <= set(listed), place
        print(f"\ncores that stand still for {STILL_SECONDS:.1f} s: {watch.leaves} leave")
        assert watch.leaves == 0
        for connection in opened.values():
            await connection.close()
