"""Timers by the ten thousand: one task for all of them, and nothing but a dict entry for each."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from blackroad.core.clock import Clock

TICK_SECONDS = 0.05


class Timer:
    """Calls a function once, unless it was cancelled before."""

    __slots__ = ("_call", "_slot")

    def __init__(self, call: Callable[[], None], slot: "dict[Timer, None]") -> None:
        self._call = call
        self._slot = slot
        slot[self] = None

    def cancel(self) -> None:
        """Forget it, and what it would have called, which may well hold this timer. Idempotent."""
        self._slot.pop(self, None)
        self._call = _nothing

    def ring(self) -> None:
        """Call the function; forget it."""
        call, self._call = self._call, _nothing
        call()


def _nothing() -> None:
    pass


class Wheel:
    """Timers that ring up to one tick late, never early.

    Setting and cancelling one costs the same however many there are.
    """

    def __init__(self, clock: Clock, tick_seconds: float = TICK_SECONDS) -> None:
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._slots: dict[int, dict[Timer, None]] = {}
        self._order: list[int] = []
        self._sooner = asyncio.Event()

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call `call`, which must not raise, when the time has passed."""
        return self.at(self._clock.monotonic() + seconds, call)

    def at(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call `call`, which must not raise, when the clock (`monotonic`) has come so far."""
        number = int(seconds / self._tick_seconds) + 1
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = {}
            heappush(self._order, number)
            if self._order[0] == number:
                self._sooner.set()
        return Timer(call, slot)

    def turn(self) -> None:
        """Ring all timers whose time has come, in the order of their ticks."""
        now = self._clock.monotonic() / self._tick_seconds
        while self._order and self._order[0] <= now:
            slot = self._slots.pop(heappop(self._order))
            while slot:
                timer = next(iter(slot))
                del slot[timer]
                timer.ring()

    @property
    def wait_seconds(self) -> float | None:
        """How long until the next tick with timers; None where there is none."""
        if not self._order:
            return None
        return max(self._order[0] * self._tick_seconds - self._clock.monotonic(), 0.0)

    async def run(self) -> None:
        """Turn until cancelled."""
        while True:
            self._sooner.clear()
            try:
                async with asyncio.timeout(self.wait_seconds):
                    await self._sooner.wait()
            except TimeoutError:
                self.turn()
