"""Timers."""

import asyncio
import gc
import weakref

import pytest

from blackroad.core.clock import FakeClock, SystemClock
from blackroad.core.stream.wheel import Timer, Wheel


def test_a_timer_rings_once_after_its_time_and_never_before() -> None:
    clock = FakeClock()
    wheel = Wheel(clock)
    rung: list[str] = []
    wheel.after(1.0, lambda: rung.append("a"))
    clock.advance(0.99)
    wheel.turn()
    assert not rung
    clock.advance(0.07)
    wheel.turn()
    wheel.turn()
    assert rung == ["a"]


def test_a_cancelled_timer_does_not_ring_even_from_a_neighbour_of_its_tick() -> None:
    clock = FakeClock()
    wheel = Wheel(clock)
    rung: list[str] = []
    timers: list[Timer] = []

    def cancel_all() -> None:
        for timer in timers:
            timer.cancel()

    wheel.after(1.0, cancel_all)
    timers.append(wheel.after(1.0, lambda: rung.append("b")))
    clock.advance(2)
    wheel.turn()
    assert not rung
    assert wheel.wait_seconds is None


async def test_a_sooner_timer_wakes_the_one_task() -> None:
    wheel = Wheel(SystemClock())
    rung = asyncio.Event()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(wheel.run())
        wheel.after(3600, lambda: None)
        await asyncio.sleep(0)
        wheel.after(0.01, rung.set)
        await rung.wait()
        running.cancel()


class Owner:
    """One that keeps its timer, which calls it: a cycle."""

    def __init__(self, wheel: Wheel) -> None:
        self.rung = 0
        self.timer = wheel.after(1.0, self.ring)

    def ring(self) -> None:
        self.rung += 1


@pytest.mark.parametrize("rings", [False, True])
def test_a_timer_that_is_over_keeps_nothing(rings: bool) -> None:
    clock = FakeClock()
    wheel = Wheel(clock)
    owner = Owner(wheel)
    if rings:
        clock.advance(2)
        wheel.turn()
        assert owner.rung == 1
    else:
        owner.timer.cancel()
    freed = weakref.ref(owner)
    gc.disable()  # for what has no cycles is freed without it
    try:
        del owner
        assert freed() is None
    finally:
        gc.enable()
