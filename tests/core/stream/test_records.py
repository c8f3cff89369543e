"""Records of answers: what another node makes of one, and how many are kept."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from blackroad.core.clock import FakeClock
from blackroad.core.identity.identity import ALL_ACTIONS, Identity, Kind, grant
from blackroad.core.log.base import Keep
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.shelf import Shelf
from blackroad.core.stream.answer import Answer, Phase
from blackroad.core.stream.endings import cancelled
from blackroad.core.stream.journal import Journal
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.record import (
    answer_of,
    go_on,
    going_of,
    read_record,
    record_of,
)
from blackroad.core.stream.records import Records, record_name
from blackroad.core.stream.route import agent_route
from blackroad.core.stream.shared_turns import Turn
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import stream_pb2

ANN = Identity("acme", "ann", Kind.USER, (grant("agent.>", ALL_ACTIONS),))
CLOCK = FakeClock()
LOG = MemoryLog(MemoryLogSettings(), CLOCK)


def answer(journal: Journal, number: int = 1) -> Answer:
    """Return an answer of ann's."""
    invoke = stream_pb2.Invoke(text="hi", conversation="c1", labels={"a": "b"})
    invoke.options.max_tokens = 9
    made = Answer(journal, ANN, invoke, agent_route("acme", "ECHO"), 7, f"st_{number}")
    made.attempt, made.term, made.turn = 2, 5, Turn(made.stream_id, "n", 3)
    made.room, made.asked_by = "agents:ECHO", "ev_1"
    return made


def journal() -> Journal:
    """Return a journal on a log of the test's own."""
    return Journal(MemoryLog(MemoryLogSettings(), CLOCK), 1 << 20, lambda key: Keep(0, 0.0))


@asynccontextmanager
async def running(journal: Journal) -> AsyncGenerator[None]:
    """Write what is said."""
    task = asyncio.create_task(journal.run())
    yield
    task.cancel()
    await asyncio.wait([task])


async def test_another_node_goes_on_where_the_first_was() -> None:
    said = journal()
    first = answer(said)
    first.worker = worker = Worker("se_1", Identity("acme", "echo", Kind.AGENT), lambda frame: None)
    worker.serve(stream_pb2.Register(agent="ECHO"))
    async with running(said):
        first.start()
        first.take(stream_pb2.Chunk(index=1, text="one "), "text")
        first.take(stream_pb2.Chunk(index=2, text="two"), "text")
        await said.written()
    record = read_record(record_of(first, "n1", going_of(first, 99)))
    second = answer_of(record, first.stream_id, said)
    assert (second.home, second.key, second.labels) == ("n1", first.key, {"a": "b"})
    assert record.going is not None
    go_on(second, record.going, 10.0, 100.0)
    assert second.home == ""
    assert second.deadline_at == 110.0
    for name in (
        "attempt",
        "asked_by",
        "conversation",
        "deltas",
        "fence",
        "index",
        "invoke",
        "invoker",
        "max_tokens",
        "output",
        "phase",
        "position",
        "room",
        "sender",
        "turn",
    ):
        assert getattr(second, name) == getattr(first, name), name
    assert second.folded.text == "one two"
    assert second.phase is Phase.RUNNING
    assert second.held_by is not None
    assert (second.held_by.subject, second.held_by.agent) == ("echo", "ECHO")


async def test_a_later_home_and_a_later_attempt_come_before() -> None:
    one = answer(journal())
    fences: list[int] = []
    for one.term, one.attempt in ((0, 1), (0, 8), (1, 1), (1, 2), (1_700_000_000_000, 1)):
        fences.append(one.fence)
    assert fences == sorted(set(fences))
    assert fences[-1] < 1 << 52


async def test_records_of_ended_answers_are_kept_within_bytes_the_newest_last() -> None:
    shelf = Shelf(LOG, "answer")
    limits = StreamLimits(keep_bytes=2500)
    records = Records(shelf, CLOCK, limits, lambda one: record_of(one, "n1") + b" " * 1000)
    said = journal()
    ended = [answer(said, number) for number in range(5)]
    task = asyncio.create_task(records.run())
    async with running(said):
        for one in ended:
            records.hold(one)
            one.end(cancelled(None), 8)
            await said.written()
            records.close(one)
            records.close(one)
    name = record_name(ended[2].key)
    async with asyncio.timeout(10):
        while records.waiting or await shelf.get(name):  # noqa: ASYNC110 - no event says it
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    names = [await shelf.get(record_name(one.key)) is not None for one in ended]
    assert names == [False, False, False, True, True]
