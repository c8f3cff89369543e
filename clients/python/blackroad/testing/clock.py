"""A clock for event loops that stands still until a test lets time pass."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from contextvars import Context
from heapq import heappop, heappush
from itertools import count
from typing import Final, Protocol, TypeVarTuple

Ts = TypeVarTuple("Ts")

# How many turns of the loop what was woken has to come to rest.
_TURNS: Final = 100
_CALL_AT: Final = asyncio.BaseEventLoop.call_at


class Patch(Protocol):
    """What sets an attribute and can undo it, such as pytest's `monkeypatch`."""

    def setattr(self, target: object, name: str, value: object) -> None:
        """Set it."""
        ...


class FakeClock:
    """What `asyncio.sleep`, timeouts and an agent's deadlines go by, in this thread only.

    Nothing passes by itself: a test that waits for a sleep without `advance` waits for ever. What
    comes over the network comes in real time. The wall clock (`time.time`) is as it is.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._now = float(math.ceil(time.monotonic()))  # seconds then add up without remainders
        self._began = self._now
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()

    @property
    def seconds(self) -> float:
        """How much time has passed since the test began."""
        return self._now - self._began

    async def advance(self, seconds: float) -> None:
        """Let so much time pass: all that is due on the way runs, each at its own time.

        Returns when what was woken rests again, but for what waits for the network.
        """
        end = self._now + seconds
        await _rest()
        while (due := self._due()) <= end:
            self._now = max(self._now, due)
            await _rest()
        self._now = end
        await _rest()

    def _due(self) -> float:
        """Return when the next timer is due; never, where there is none."""
        while self._timers:
            when, _, timer = self._timers[0]
            if timer.cancelled() or when <= self._now:
                heappop(self._timers)
            else:
                return when
        return float("inf")

    def install(self, patch: Patch) -> None:
        """Put it in the place of the event loops' own, until the patch is undone."""
        now, timers, numbers = self._read, self._timers, self._numbers

        def call_at(
            loop: asyncio.BaseEventLoop,
            when: float,
            callback: Callable[[*Ts], object],
            *args: *Ts,
            context: Context | None = None,
        ) -> asyncio.TimerHandle:
            timer = _CALL_AT(loop, when, callback, *args, context=context)
            if self._is_here:
                heappush(timers, (when, next(numbers), timer))
            return timer

        patch.setattr(asyncio.BaseEventLoop, "time", now)
        patch.setattr(asyncio.BaseEventLoop, "call_at", call_at)

    @property
    def _is_here(self) -> bool:
        return threading.get_ident() == self._thread

    def _read(self) -> float:
        return self._now if self._is_here else time.monotonic()


async def _rest() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
