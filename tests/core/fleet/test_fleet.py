"""The fleet: who is a node, by what it says."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from blackroad.core.clock import SystemClock
from blackroad.core.fleet.fleet import SILENT_BEATS, SURE_BEATS, Fleet
from blackroad.core.fleet.words import (
    BEAT,
    BOARD,
    COMMON,
    LOST,
    Beat,
    Items,
    Lost,
    append_of,
    data_of,
    order_of,
)
from blackroad.core.hub.hub import Hub
from blackroad.core.log.base import Append, Appended
from blackroad.core.log.entry import Entry
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.realtime.v1 import admin_pb2


@asynccontextmanager
async def running() -> AsyncGenerator[tuple[Fleet, Hub]]:
    log = MemoryLog(MemoryLogSettings(), SystemClock())
    hub = Hub(log)
    fleet = Fleet(log, hub, alone=False)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(hub.run()), tasks.create_task(fleet.run())]
        await fleet.settled()
        yield fleet, hub
        for task in both:
            task.cancel()


async def hear(hub: Hub, word: Append) -> None:
    """Let another node say something, and return when this one has heard it."""
    (answer,) = await hub.log.append([word])
    assert isinstance(answer, Appended)
    await hub.reached((answer.position,))


async def test_a_node_is_known_by_what_it_has_before_its_first_beat() -> None:
    async with running() as (fleet, hub):
        await hear(hub, append_of(COMMON, BOARD, Items("other", [("worker", "w", b"x")])))
        assert fleet.others == ["other"]
        assert fleet.infos() == []
        info = admin_pb2.NodeInfo(name="n2")
        await hear(
            hub, append_of(COMMON, BEAT, Beat("other", 1, info.SerializeToString(), False, False))
        )
        assert (fleet.others, fleet.infos()) == (["other"], [info])


async def test_what_a_lost_node_says_makes_it_no_node_again() -> None:
    async with running() as (fleet, hub):
        await hear(hub, append_of(COMMON, BOARD, Items("other", [])))
        await hear(hub, append_of(COMMON, LOST, Lost("other", fleet.node)))
        await hear(hub, append_of(COMMON, BOARD, Items("other", [])))
        assert fleet.others == []


def test_a_word_of_a_log_that_began_anew_is_later_than_all_before() -> None:
    record = append_of(COMMON, LOST, Lost("one", "other")).records[0]
    epoch = 1_795_444_508_131  # milliseconds
    places = [(epoch, 1), (epoch, 2), (epoch, 7_000_000), (epoch + 3_600_000, 1)]
    orders = [order_of(Entry(COMMON, record, 0, era, 1, offset, 0)) for era, offset in places]
    assert orders == sorted(set(orders))
    assert orders[-1] < 1 << 53, "a script's numbers are exact up to there"


async def test_who_has_missed_something_is_sure_again_once_its_own_beats_came_back() -> None:
    async with running() as (fleet, hub):
        sure: list[int] = []
        fleet.sure = sure.append
        beat = append_of(COMMON, BEAT, Beat(fleet.node, 1, b""))
        for _ in range(SURE_BEATS):
            await hear(hub, beat)
        assert not sure, "nothing was missed"
        fleet.missed(hub.heads)
        for _ in range(SURE_BEATS):
            await hear(hub, beat)
        assert len(sure) == 1


async def test_a_node_that_goes_on_though_it_is_lost_is_told_so_again() -> None:
    async with running() as (fleet, hub):
        said: asyncio.Queue[Lost] = asyncio.Queue()

        def hears(entry: Entry) -> None:
            if entry.type == LOST:
                said.put_nowait(msgspec.msgpack.decode(data_of(entry), type=Lost))

        await hear(hub, append_of(COMMON, BOARD, Items("other", [])))
        await hear(hub, append_of(COMMON, LOST, Lost("other", fleet.node)))
        hub.watch(COMMON, hears)
        for number in range(SILENT_BEATS + 1):
            await hear(hub, append_of(COMMON, BEAT, Beat("other", number, b"")))
        async with asyncio.timeout(10):
            assert await said.get() == Lost("other", fleet.node)
        assert fleet.others == []
