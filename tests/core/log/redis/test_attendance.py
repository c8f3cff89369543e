"""A node reads the partitions that somebody on it follows, and misses nothing of these."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from blackroad.core.channel.control import BODIES
from blackroad.core.hub.hub import Hub
from blackroad.core.log.base import Append, Appended, Page
from blackroad.core.log.entry import Entry, Positions
from blackroad.core.log.layout import partition_of
from blackroad.core.log.record import Record
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.log import RedisLog, RedisLogSettings
from tests.contract.log.steps import everything, put, request, texts
from tests.core.log.redis.nodes import node, until
from tests.servers import Server

PARTITIONS = 4
KEYS = {
    partition_of(f"acme.floor.{number}", PARTITIONS): f"acme.floor.{number}" for number in range(40)
}
QUIET = 1  # a partition that nobody follows
LINGER_SECONDS = 0.2
ROUNDS = 20
LASTING = next(iter(BODIES))


def settings_of(server: Server) -> RedisLogSettings:
    lasting = frozenset(BODIES)
    return RedisLogSettings(
        server.address, partitions=PARTITIONS, linger_seconds=LINGER_SECONDS, lasting=lasting
    )


class Came:
    """A sink that keeps what it is offered."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def offer(self, run: Sequence[Entry], topic: str) -> None:
        """Keep it."""
        del topic
        self.entries += run


@asynccontextmanager
async def hub_of(log: RedisLog) -> AsyncGenerator[Hub]:
    """Return a hub that reads a log."""
    hub = Hub(log)
    task = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def two(server: Server) -> AsyncGenerator[tuple[RedisLog, RedisLog, Hub]]:
    """Return the log of a node that writes, and that of one which does not read `QUIET`."""
    settings = settings_of(server)
    async with node(settings) as writer, node(settings) as log, hub_of(log) as hub:
        await until(lambda: not any(log.attended))
        yield writer, log, hub


def told(server: Server) -> int:
    """Return how many bytes a server has told all who asked."""
    found = re.search(r"total_net_output_bytes:(\d+)", server.ask("INFO", "stats"))
    assert found is not None
    return int(found[1])


async def test_a_partition_that_nobody_follows_is_not_read(server: Server) -> None:
    async with two(server) as (writer, log, hub):
        came = Came()
        hub.attach(came, KEYS[0])
        await until(lambda: log.attended == [True, False, False, False])
        before = told(server)
        for _ in range(ROUNDS):
            await writer.append([request(KEYS[QUIET], *["x" * 1000] * 50)])
        last = await put_on(writer, KEYS[0], "a")
        await hub.reached(places(hub, 0, last))
        assert texts(came.entries) == ["a"]
        assert told(server) - before < 200_000, "of a million"
        # The place has gone on nevertheless: cursors stay young.
        state = await log.state(KEYS[QUIET])
        assert state is not None
        await until(lambda: hub.heads[QUIET] == state.last)


def places(hub: Hub, partition: int, place: Positions) -> Positions:
    return (*hub.heads[:partition], *place, *hub.heads[partition + 1 :])


async def put_on(writer: RedisLog, key: str, text: str) -> Positions:
    return ((await put(writer, request(key, text))).position,)


@pytest.mark.parametrize("breaks", [False, True])
async def test_who_begins_to_follow_gets_all_from_that_moment_on(
    server: Server, breaks: bool
) -> None:
    async with two(server) as (writer, log, hub):
        for number in range(ROUNDS):
            await writer.append([request(KEYS[QUIET], f"before {number}")])
        stop = asyncio.Event()
        said: list[str] = []

        async def say() -> None:
            while not stop.is_set():
                text = f"{len(said)}"
                (answer,) = await writer.append([request(KEYS[QUIET], text)])
                if isinstance(answer, Appended):
                    said.append(text)
                await asyncio.sleep(0.002)

        async def break_connections() -> None:
            while breaks and not stop.is_set():
                await asyncio.to_thread(server.ask, "CLIENT", "KILL", "TYPE", "normal")
                await asyncio.sleep(0.4)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(say())
            tasks.create_task(break_connections())
            for _ in range(5):
                await _follows_for_a_while(log, hub, said)
            stop.set()


async def _follows_for_a_while(log: RedisLog, hub: Hub, said: Sequence[str]) -> None:
    came = Came()
    await until(lambda: not log.attended[QUIET])
    first = len(said) + 1  # after the one that is under way now
    hub.attach(came, KEYS[QUIET])
    await until(lambda: len(said) > first + ROUNDS)
    wanted = said[first:-1]
    await until(lambda: wanted[-1] in texts(came.entries))
    got = texts(came.entries)
    assert got[got.index(wanted[0]) :][: len(wanted)] == wanted
    assert len(set(got)) == len(got)
    hub.detach(came, KEYS[QUIET])


async def test_a_cursor_of_where_nobody_followed_is_resumed_and_a_quiet_one_is_whole(
    server: Server,
) -> None:
    async with two(server) as (writer, log, hub):
        quiet = KEYS[QUIET] + ".quiet"
        await put(writer, request(quiet, "first"))
        cursor = places(hub, QUIET, await put_on(writer, KEYS[QUIET], "a"))
        for text in "bc":
            await put(writer, request(KEYS[QUIET], text))
        await log.ready([KEYS[QUIET], quiet])
        assert log.attended[QUIET]
        assert log.missing([KEYS[QUIET], quiet], cursor) is None
        await hub.nearly(writer.heads())
        until_now = hub.heads
        page = log.read([KEYS[QUIET]], cursor, until_now, 1 << 20, everything)
        if page is None:
            assert await log.fetch([KEYS[QUIET]], cursor, until_now) is None
            page = log.read([KEYS[QUIET]], cursor, until_now, 1 << 20, everything)
        assert isinstance(page, Page)
        assert texts(page.entries) == ["b", "c"]
        assert log.read([quiet], cursor, until_now, 1 << 20, everything) == Page([], until_now)


async def test_what_lasts_comes_also_from_where_nobody_follows(server: Server) -> None:
    async with two(server) as (writer, _, hub):
        heard: list[str] = []
        missed: list[Positions] = []
        hub.control = lambda entry: heard.append(entry.record.event_id)
        hub.missed = missed.append
        lasting = [Record(f"e{number}", LASTING, b"") for number in range(3)]
        await writer.append([request(KEYS[QUIET], "a")])
        await writer.append([Append(KEYS[QUIET], lasting[:2])])
        await writer.append([request(KEYS[QUIET], "b")])
        await writer.append([Append(KEYS[QUIET], lasting[2:])])
        await until(lambda: len(heard) == 3)
        assert not missed


async def test_a_node_notices_that_what_lasts_was_folded_before_it_had_read_it(
    server: Server,
) -> None:
    async with two(server) as (writer, log, hub):
        missed: list[Positions] = []
        hub.missed = missed.append
        place = hub.heads[QUIET]
        # As where another node appends and folds while this one is held up.
        meta = Keys(log.settings.prefix, QUIET).meta
        far = str(place.sequence + 100)
        server.ask("HSET", meta, "folded_epoch", str(place.epoch), "folded_sequence", far)
        await writer.append([request(KEYS[QUIET], "a")])
        await until(lambda: bool(missed))


async def test_channels_are_listed_also_where_nobody_follows(server: Server) -> None:
    async with two(server) as (writer, log, _):
        for _ in range(3):
            await writer.append([request(key, "a") for key in KEYS.values()])
            assert await log.names("acme.floor.>", "", 100) == sorted(KEYS.values())
        await log.append([request("acme.floor.new", "a")])
        assert "acme.floor.new" in await log.names("acme.floor.>", "", 100)
        assert not any(log.attended)


async def test_connections_are_as_many_whoever_follows(server: Server) -> None:
    async with two(server) as (_, log, hub):
        before = connections(server)
        came = Came()
        for key in KEYS.values():
            hub.attach(came, key)
        hub.attach(came, "acme.>")
        await until(lambda: all(log.attended))
        assert connections(server) == before


def connections(server: Server) -> int:
    found = re.search(r"connected_clients:(\d+)", server.ask("INFO", "clients"))
    assert found is not None
    return int(found[1])
