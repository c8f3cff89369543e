"""What is the memory engine's own, beyond the contract of every engine."""

import asyncio

import pytest

from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Keep, Log
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from tests.contract.log.steps import catch_up, everything, page, put, request, say, texts


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock."""
    return FakeClock()


def test_it_is_an_engine_of_the_log(clock: FakeClock) -> None:
    log: Log = MemoryLog(MemoryLogSettings(), clock)
    assert log.engine == "memory"
    assert log.partitions == 1
    assert log.heads()[0] == (clock.time_ns() // 1_000_000, 0)


async def test_appending_never_suspends(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(), clock)
    with pytest.raises(StopIteration):
        log.append([request("t.a", "x")]).send(None)


async def test_following_yields_all_since_the_last_time_as_one_batch(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(), clock)
    follower = log.follow()
    for number in range(5):
        await log.append([request("t.a", str(number)), request("t.b", str(number))])
    assert log.heads()[0].sequence == 0
    assert len(await anext(follower)) == 10
    assert log.heads()[0].sequence == 10


async def test_a_later_follower_takes_over(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(), clock)
    first = log.follow()
    second = log.follow()
    await log.append([request("t.a", "x")])
    with pytest.raises(StopAsyncIteration):
        await anext(first)
    assert texts(await anext(second)) == ["x"]


async def test_a_cancelled_wait_for_the_next_batch_loses_nothing(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(), clock)
    follower = log.follow()
    waiting = asyncio.ensure_future(anext(follower))
    await asyncio.sleep(0)
    await log.append([request("t.a", "x")])
    waiting.cancel()
    await asyncio.wait([waiting])
    assert texts(await anext(follower)) == ["x"]


async def test_a_follower_that_fell_behind_sees_a_hole(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(retain_bytes=10_000), clock)
    follower = log.follow()
    for number in range(100):
        await log.append([request("t.a", str(number))])
    batch = await anext(follower)
    assert len(batch) < 30
    assert batch[0].sequence > 1
    assert batch[-1].sequence == 100
    assert log.heads()[0].sequence == 100


async def test_a_page_that_passes_over_much_ends_early_and_says_where(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(), clock)
    start = log.heads()
    for _ in range(120):
        await say(log, "t.loud.a", *["x"] * 100)
    await say(log, "t.calm.a", "word")
    entries, reached = await page(log, ["t.calm.*"], start, log.heads())
    assert (list(entries), reached[0].sequence) == ([], 10_000)
    assert texts(await catch_up(log, ["t.calm.*"], start)) == ["word"]
    assert texts(await catch_up(log, ["t.calm.a"], start)) == ["word"]


async def test_newest_looks_back_so_far_and_says_so(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(), clock)
    await say(log, "t.calm.a", "word")
    for number in range(250):
        await say(log, f"t.loud.{number}", *["x"] * 100)
    assert log.newest(["t.calm.*"], 5, log.heads(), everything) == ([], False)
    found, complete = log.newest(["t.calm.a"], 5, log.heads(), everything)
    assert texts(found) == ["word"]
    assert complete


async def test_histories_share_their_bytes(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(history_bytes=20_000), clock)
    keep = Keep(events=1_000)
    for number in range(10):
        await put(log, request("t.old", str(number), keep=keep))
    for number in range(200):
        await put(log, request("t.new", str(number), keep=keep))
    assert (await log.history("t.old", 10)).entries == []
    kept = (await log.history("t.new", 1_000)).entries
    assert 10 < len(kept) < 50
    assert texts(kept)[-1] == "199"
    assert await log.state("t.old") is not None


async def test_a_clock_that_goes_back_does_not_turn_times_back() -> None:
    class Unsteady(FakeClock):
        def time_ns(self) -> int:
            return super().time_ns() - int(self.monotonic() * 2e9)

    clock = Unsteady()
    log = MemoryLog(MemoryLogSettings(), clock)
    first = await say(log, "t.a", "x")
    clock.advance(10)
    assert (await say(log, "t.a", "y")).time_ns == first.time_ns


async def test_a_table_full_of_keys_says_when_there_is_room(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(idempotency_keys=1), clock)
    await put(log, request("t.a", "x", idempotency=("ada", "1")))
    clock.advance(100)
    (answer,) = await log.append([request("t.a", "y", idempotency=("ada", "2"))])
    assert isinstance(answer, Rejection)
    assert (answer.code, answer.retry_after_seconds) == (Code.RATE_LIMITED, 200)


async def test_churning_channels_leave_nothing_behind(clock: FakeClock) -> None:
    log = MemoryLog(MemoryLogSettings(max_channels=100, retain_bytes=200_000), clock)
    for number in range(1_000):
        await say(log, f"t.{number:04}", "x")
    names = await log.names("t.*", "", 1_000)
    assert names == [f"t.{number:04}" for number in range(900, 1_000)]
    assert (await log.history("t.0000", 10)).entries == []
