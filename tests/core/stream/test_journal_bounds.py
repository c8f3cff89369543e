"""The journal: what it writes together, how much it takes, and who hears what became of it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from typing_extensions import override

from blackroad.core.clock import SystemClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import MAX_APPEND_EVENTS, Append, Appended, Fence, Keep
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.record import Record
from blackroad.core.stream.journal import Journal

SECONDS = 10


@dataclass(eq=False)
class Answer:
    """One answer that notes what the journal tells it."""

    key: str
    fence: int = 1
    ended: bool = False
    pending: list[Record] | None = None
    offset: int = 0
    said: list[str] = field(default_factory=list)
    kept: list[tuple[list[str], int]] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def written(self, records: Sequence[Record], appended: Appended) -> None:
        self.kept.append((list(appended.ids), appended.first_offset))
        self.offset = appended.first_offset + len(records) - 1
        self.said += [record.event_id for record in records]
        self.told.set()

    def refused(self, rejection: Rejection) -> None:
        self.codes.append(rejection.code)
        self.told.set()

    @property
    def ids(self) -> list[str]:
        return [event_id for ids, _ in self.kept for event_id in ids]


class GatedLog(MemoryLog):
    """A log that takes its time, as one in another process does."""

    def __init__(self) -> None:
        super().__init__(MemoryLogSettings(), SystemClock())
        self.turns: asyncio.Semaphore | None = None
        self.appends = 0
        self.fails: list[tuple[Code, bool]] = []  # with what the next calls, and whether it is done
        self.begun = asyncio.Event()

    @override
    async def append(self, appends: Sequence[Append]) -> list[Appended | Rejection]:
        self.appends += 1
        self.begun.set()
        if self.turns is not None:
            await self.turns.acquire()
        if self.fails:
            code, done = self.fails.pop(0)
            if done:
                await super().append(appends)
            return [Rejection(code) for _ in appends]
        return await super().append(appends)


@asynccontextmanager
async def writing(max_bytes: int = 1 << 20) -> AsyncGenerator[tuple[GatedLog, Journal]]:
    log = GatedLog()
    journal = Journal(log, max_bytes, lambda key: Keep())
    running = asyncio.create_task(journal.run())
    try:
        async with asyncio.timeout(SECONDS):
            yield log, journal
    finally:
        running.cancel()
        await asyncio.wait({running})


def record(number: int, size: int = 10) -> Record:
    return Record(f"ev_{number}", "delta", b"x" * size)


async def test_what_is_said_in_one_turn_is_one_append_in_order() -> None:
    async with writing() as (log, journal):
        answers = [Answer(f"t.stream.{name}") for name in "ab"]
        for number in range(20):
            journal.write(answers[number % 2], record(number))
        for number, answer in enumerate(answers):
            await answer.told.wait()
            assert answer.ids == [f"ev_{n}" for n in range(20) if n % 2 == number]
            assert len(answer.kept) == 1
        assert log.appends == 1


async def test_more_than_one_append_carries_is_cut_and_keeps_its_order() -> None:
    async with writing() as (_, journal):
        answer = Answer("t.stream.a")
        count = 2 * MAX_APPEND_EVENTS + 5
        for number in range(count):
            journal.write(answer, record(number))
        while len(answer.ids) < count:
            answer.told.clear()
            await answer.told.wait()
        assert answer.ids == [f"ev_{number}" for number in range(count)]
        assert max(len(ids) for ids, _ in answer.kept) == MAX_APPEND_EVENTS
        offsets = [offset for _, offset in answer.kept]
        assert offsets == sorted(offsets)


async def test_nothing_comes_after_the_ending_and_who_says_more_hears_so() -> None:
    async with writing() as (_, journal):
        answer = Answer("t.stream.a")
        answer.ended = True
        journal.write(answer, record(1))
        await answer.told.wait()
        answer.told.clear()
        journal.write(answer, record(2))
        await answer.told.wait()
        assert answer.ids == ["ev_1"]
        assert len(answer.codes) == 1


async def test_an_attempt_that_was_replaced_writes_no_more() -> None:
    async with writing() as (_, journal):
        first, second = Answer("t.stream.a", fence=1), Answer("t.stream.a", fence=2)
        journal.write(second, record(1))
        await second.told.wait()
        journal.write(first, record(2))
        await first.told.wait()
        assert (first.ids, len(first.codes)) == ([], 1)


async def test_writers_wait_while_it_is_full_and_go_on_when_it_is_written() -> None:
    async with writing(max_bytes=1000) as (log, journal):
        answer = Answer("t.stream.a")
        log.turns = asyncio.Semaphore(0)
        journal.write(answer, record(1, 2000))
        waiting = asyncio.create_task(journal.room())
        await asyncio.wait({waiting}, timeout=0.05)
        assert not waiting.done()
        log.turns.release()
        await waiting


async def test_what_is_said_while_an_append_is_under_way_counts() -> None:
    async with writing(max_bytes=1000) as (log, journal):
        first, second = Answer("t.stream.a"), Answer("t.stream.b")
        log.turns = asyncio.Semaphore(0)
        journal.write(first, record(1))
        await log.begun.wait()
        journal.write(second, record(2, 2000))
        log.turns.release()
        await first.told.wait()
        waiting = asyncio.create_task(journal.room())
        await asyncio.wait({waiting}, timeout=0.05)
        assert not waiting.done(), "the second fills it, and is not written yet"
        log.turns.release()
        await waiting
        assert second.ids == ["ev_2"]


AWAY = (Code.UNAVAILABLE, False)


@pytest.mark.parametrize(
    "fails",
    [
        [AWAY],
        [(Code.UNKNOWN, False)],
        [(Code.UNKNOWN, True)],
        [(Code.UNKNOWN, True), AWAY, (Code.UNKNOWN, False)],
    ],
)
async def test_while_the_log_is_away_nothing_is_lost_and_nothing_said_twice(
    fails: list[tuple[Code, bool]],
) -> None:
    async with writing(max_bytes=1) as (log, journal):
        answer = Answer("t.stream.a")
        log.fails = list(fails)
        for number in range(3):
            journal.write(answer, record(number))
        await log.begun.wait()
        journal.write(answer, record(3))
        await journal.written()
        assert answer.said == [f"ev_{number}" for number in range(4)]
        assert answer.codes == []
        state = await log.state("t.stream.a")
        assert state is not None
        assert state.last_offset == answer.offset == 4
        await journal.room()  # nothing is counted any more


async def test_what_was_taken_over_while_the_log_was_away_is_refused() -> None:
    async with writing() as (log, journal):
        answer = Answer("t.stream.a")
        log.fails = [AWAY]
        journal.write(answer, record(0))
        await log.begun.wait()
        await MemoryLog.append(log, [Append("t.stream.a", [], fence=Fence(2), told=False)])
        await journal.written()
        assert (answer.said, answer.codes) == ([], [Code.CONFLICT])


async def test_what_is_said_beside_answers_waits_for_the_log_too() -> None:
    async with writing() as (log, journal):
        log.fails = [AWAY]
        journal.publish("t.task.1.state", record(0))
        await journal.written()
        state = await log.state("t.task.1.state")
        assert state is not None
        assert state.last_offset == 1
