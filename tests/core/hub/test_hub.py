"""The hub: who is offered what, in which order, and when a place is reached."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager

import pytest

from blackroad.core.clock import SystemClock
from blackroad.core.hub.hub import Hub
from blackroad.core.log.base import Append, Appended
from blackroad.core.log.entry import Entry
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.record import Record


class Taken:
    """A sink that keeps what it was offered."""

    def __init__(self) -> None:
        self.offers: list[tuple[str, str]] = []

    def offer(self, run: Sequence[Entry], topic: str) -> None:
        self.offers += [(entry.key, topic) for entry in run]


@asynccontextmanager
async def running(partitions: int = 1) -> AsyncGenerator[Hub]:
    hub = Hub(MemoryLog(MemoryLogSettings(partitions=partitions), SystemClock()))
    task = asyncio.ensure_future(hub.run())
    try:
        yield hub
    finally:
        task.cancel()
        await asyncio.wait([task])


async def publish(hub: Hub, *keys: str, event_type: str = "message") -> None:
    """Append one event to each key and return when the hub has handed them on."""
    for key in keys:
        (appended,) = await hub.log.append([Append(key, [Record("ev_1", event_type, b"")])])
        assert isinstance(appended, Appended)
        await hub.reached(
            tuple(
                appended.position if number == appended.partition else head
                for number, head in enumerate(hub.heads)
            )
        )


@contextmanager
def attached(hub: Hub, *topics: str) -> Generator[Taken]:
    sink = Taken()
    for topic in topics:
        hub.attach(sink, topic)
    try:
        yield sink
    finally:
        for topic in topics:
            hub.detach(sink, topic)


async def test_a_sink_is_offered_what_its_names_and_patterns_match_in_order() -> None:
    async with running() as hub:
        with attached(hub, "t.a.b", "t.a.*", "t.c") as sink:
            await publish(hub, "t.a.b", "t.x", "t.c", "t.a.d")
        assert [key for key, _ in sink.offers] == ["t.a.b", "t.a.b", "t.c", "t.a.d"]
        assert sink.offers[0][1] != sink.offers[1][1]


async def test_what_is_detached_is_not_offered_any_more() -> None:
    async with running() as hub:
        with attached(hub, "t.a", "t.*") as sink:
            await publish(hub, "t.a")
        await publish(hub, "t.a")
        assert len(sink.offers) == 2


async def test_a_private_channel_is_offered_by_its_name_only() -> None:
    async with running() as hub:
        hub.is_private = lambda key: key == "t.secret"
        with attached(hub, "t.*") as by_pattern, attached(hub, "t.secret") as by_name:
            await publish(hub, "t.secret", "t.open")
        assert by_pattern.offers == [("t.open", "t.*")]
        assert by_name.offers == [("t.secret", "t.secret")]


async def test_a_first_wildcard_never_reaches_what_only_the_server_publishes() -> None:
    async with running() as hub:
        with attached(hub, "t.>") as sink:
            await publish(hub, "t.presence.user.x", "t.stream.s", "t.open.x")
        assert sink.offers == [("t.open.x", "t.>")]


async def test_control_events_are_applied_before_they_are_offered() -> None:
    async with running() as hub:
        order: list[str] = []
        hub.control = lambda entry: order.append(f"applied {entry.type}")
        hub.watch("t.a", lambda entry: order.append(f"offered {entry.type}"))
        await publish(hub, "t.a", event_type="channel.deleted")
        await publish(hub, "t.a")
        assert order == ["applied channel.deleted", "offered channel.deleted", "offered message"]


@pytest.mark.parametrize("partitions", [1, 4])
async def test_heads_cover_what_was_handed_on(partitions: int) -> None:
    async with running(partitions) as hub:
        before = hub.heads
        await publish(hub, *(f"t.{number}" for number in range(8)))
        assert len(hub.heads) == partitions
        assert all(head >= old for head, old in zip(hub.heads, before, strict=True))
        assert sum(head.sequence for head in hub.heads) - sum(p.sequence for p in before) == 8


async def test_waiting_for_a_place_ends_when_it_is_reached_and_may_be_cancelled() -> None:
    async with running() as hub:
        (head,) = hub.heads
        later = (head._replace(sequence=head.sequence + 2),)
        waiting = asyncio.ensure_future(hub.reached(later))
        cancelled = asyncio.ensure_future(hub.reached(later))
        await publish(hub, "t.a")
        assert not waiting.done()
        cancelled.cancel()
        await publish(hub, "t.a")
        await asyncio.wait_for(waiting, 5)
