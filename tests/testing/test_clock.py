"""The clock that a test sets on."""

import asyncio
import time

import pytest

from blackroad.testing.clock import FakeClock

HOUR = 3600.0


async def test_a_sleep_ends_when_its_time_has_passed_and_not_before(fake_clock: FakeClock) -> None:
    sleeping = asyncio.create_task(asyncio.sleep(HOUR, "slept"))
    await fake_clock.advance(HOUR - 1)
    assert not sleeping.done()
    await fake_clock.advance(1)
    assert sleeping.done()
    assert fake_clock.seconds == HOUR


async def test_what_is_due_on_the_way_runs_in_order_and_at_its_own_time(
    fake_clock: FakeClock,
) -> None:
    loop, began, ticks = asyncio.get_running_loop(), asyncio.get_running_loop().time(), list[str]()

    async def tick(name: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            ticks.append(f"{name}{loop.time() - began:.0f}")

    tasks = [asyncio.create_task(tick("a", 10)), asyncio.create_task(tick("b", 15))]
    await fake_clock.advance(31)
    assert ticks[:3] == ["a10", "b15", "a20"]
    assert sorted(ticks[3:]) == ["a30", "b30"]
    for each in tasks:
        each.cancel()


async def test_a_timeout_passes_and_one_that_was_left_does_not(fake_clock: FakeClock) -> None:
    async def wait() -> str:
        try:
            async with asyncio.timeout(HOUR):
                await asyncio.Event().wait()
        except TimeoutError:
            return "over"
        return "?"

    waiting = asyncio.create_task(wait())
    async with asyncio.timeout(1):
        await asyncio.sleep(0)
    await fake_clock.advance(HOUR)
    assert await waiting == "over"


async def test_nothing_passes_by_itself(fake_clock: FakeClock) -> None:
    loop = asyncio.get_running_loop()
    before, sleeping = loop.time(), asyncio.create_task(asyncio.sleep(0.01))
    await asyncio.to_thread(time.sleep, 0.1)
    assert loop.time() == before
    assert not sleeping.done()
    sleeping.cancel()


async def test_other_threads_keep_their_time(fake_clock: FakeClock) -> None:
    async def nap() -> float:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(0.05)
        return asyncio.get_running_loop().time() - began

    assert await asyncio.to_thread(lambda: asyncio.run(nap())) >= 0.05
    assert fake_clock.seconds == 0


def test_it_is_undone_with_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    own = asyncio.BaseEventLoop.time, asyncio.BaseEventLoop.call_at
    with monkeypatch.context() as patch:
        FakeClock().install(patch)
        assert asyncio.BaseEventLoop.time != own[0]
    assert (asyncio.BaseEventLoop.time, asyncio.BaseEventLoop.call_at) == own
