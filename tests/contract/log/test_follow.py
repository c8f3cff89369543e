"""Follow: all that is appended, once and in order; `heads` is the place that it has come to."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Appended, Log
from blackroad.core.log.entry import Entry
from tests.contract.log.engines import Bounds, Engine
from tests.contract.log.steps import OTHER, ROOM, request, texts

KEYS = [ROOM, OTHER, "acme.floor.1", "acme.floor.2", "acme.floor.3"]


class Reader:
    """Follows a log in a task of its own, as the hub does."""

    def __init__(self, log: Log) -> None:
        self.entries: list[Entry] = []
        self._log = log
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Read until the log closes."""
        async for batch in self._log.follow():
            self.entries += batch
            self._changed.set()

    async def came(self, count: int) -> None:
        """Return when so many entries have come."""
        async with asyncio.timeout(5):
            while len(self.entries) < count:
                self._changed.clear()
                await self._changed.wait()
        assert len(self.entries) == count


async def next_of(follower: AsyncIterator[list[Entry]]) -> list[Entry]:
    """Return the next batch."""
    async with asyncio.timeout(5):
        return await anext(follower)


@asynccontextmanager
async def following(log: Log) -> AsyncGenerator[Reader]:
    """Return a reader that follows; cancel it in the end."""
    reader = Reader(log)
    task = asyncio.create_task(reader.run())
    try:
        await asyncio.sleep(0)
        await log.append([request("acme.start", "start")])
        await reader.came(1)
        reader.entries.clear()
        yield reader
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_every_entry_comes_once_and_in_the_order_of_its_partition(log: Log) -> None:
    async with following(log) as reader:
        for number in range(100):
            await log.append([request(key, f"{number}") for key in KEYS])
            if number % 7 == 0:
                await asyncio.sleep(0)
        await reader.came(500)
        await log.close()
    for key in KEYS:
        assert texts(entry for entry in reader.entries if entry.key == key) == [
            str(number) for number in range(100)
        ]
    for partition in range(log.partitions):
        sequences = [entry.sequence for entry in reader.entries if entry.partition == partition]
        first = min(sequences, default=0)
        assert sequences == list(range(first, first + len(sequences)))


async def test_heads_are_the_place_that_the_follower_has_come_to(log: Log) -> None:
    async with following(log) as reader:
        answers = await log.append([request(key, "a") for key in KEYS])
        await reader.came(5)
        for answer in answers:
            assert isinstance(answer, Appended)
            assert log.heads()[answer.partition] >= answer.position
        await log.close()


async def test_what_is_appended_before_following_does_not_come(log: Log) -> None:
    await log.append([request(ROOM, "before")])
    follower = log.follow()
    first = asyncio.ensure_future(next_of(follower))
    await asyncio.sleep(0)
    await log.append([request(ROOM, "after")])
    assert texts(await first) == ["after"]
    await log.close()


async def test_a_refused_append_wakes_nobody(log: Log) -> None:
    async with following(log) as reader:
        await log.append([request(ROOM, "refused", expected_offset=9)])
        await log.append([request(ROOM, "a")])
        await reader.came(1)
        assert texts(reader.entries) == ["a"]
        await log.close()


async def test_following_ends_when_the_log_closes_and_closing_is_idempotent(
    engine: Engine,
) -> None:
    async with engine.open() as log:
        follower = log.follow()
        waiting = asyncio.ensure_future(next_of(follower))
        await asyncio.sleep(0)
        await log.close()
        with pytest.raises(StopAsyncIteration):
            await waiting
        await log.close()
        with pytest.raises(StopAsyncIteration):
            await next_of(log.follow())


async def test_a_closed_log_refuses_and_is_not_healthy(engine: Engine) -> None:
    async with engine.open() as log:
        assert log.healthy
        await log.close()
        assert not log.healthy
        (answer,) = await log.append([request(ROOM, "a")])
        assert isinstance(answer, Rejection)
        assert answer.code is Code.UNAVAILABLE


async def test_a_cancelled_follower_harms_nothing_and_another_may_follow(log: Log) -> None:
    for number in range(3):
        async with following(log) as reader:
            await log.append([request(ROOM, f"{number}")])
            await reader.came(1)
            assert texts(reader.entries) == [f"{number}"]
    assert len((await log.history(ROOM, 10)).entries) == 3


async def test_a_cancelled_append_is_wholly_in_the_log_or_not_at_all(log: Log) -> None:
    for number in range(20):
        task = asyncio.ensure_future(log.append([request(ROOM, f"{number}a", f"{number}b")]))
        for _ in range(number % 4):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    (answer,) = await log.append([request(ROOM, "end")])
    assert isinstance(answer, Appended)
    entries = (await log.history(ROOM, 100)).entries
    offsets = [entry.offset for entry in entries]
    assert offsets == list(range(answer.last_offset - len(offsets) + 1, answer.last_offset + 1))
    said = texts(entries)[:-1]
    assert said[::2] == [text.replace("b", "a") for text in said[1::2]]


async def test_many_writers_at_once_lose_nothing(log: Log) -> None:
    async def write(writer: int) -> None:
        for number in range(20):
            await log.append([request(ROOM, f"{writer}:{number}")])
            await asyncio.sleep(0)

    async with following(log) as reader:
        async with asyncio.TaskGroup() as writers:
            for writer in range(10):
                writers.create_task(write(writer))
        await reader.came(200)
        await log.close()
    said = texts(reader.entries)
    for writer in range(10):
        own = [text for text in said if text.startswith(f"{writer}:")]
        assert own == [f"{writer}:{number}" for number in range(20)]
    offsets = [entry.offset for entry in reader.entries]
    assert offsets == list(range(offsets[0], offsets[0] + 200))


async def test_what_a_channel_cannot_retain_is_followed_nevertheless(engine: Engine) -> None:
    async with engine.open(Bounds(retain_bytes=64 << 10)) as log, following(log) as reader:
        for number in range(50):
            await log.append([request(ROOM, f"{number} {'x' * 1_000}")])
            await reader.came(number + 1)
        await log.close()
