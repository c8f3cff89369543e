"""Time, as a thing that tests can replace."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in two ways."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow; for durations and deadlines."""
        ...

    def time_ns(self) -> int:
        """Return nanoseconds since the Unix epoch; for what people and other machines see."""
        ...


class SystemClock:
    """The machine's clock."""

    monotonic = staticmethod(time.monotonic)
    time_ns = staticmethod(time.time_ns)


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, time_ns: int = 1_700_000_000_000_000_000) -> None:
        self._monotonic = 0.0
        self._time_ns = time_ns

    def monotonic(self) -> float:
        """Return the seconds by which the clock was moved."""
        return self._monotonic

    def time_ns(self) -> int:
        """Return the nanoseconds."""
        return self._time_ns

    def advance(self, seconds: float) -> None:
        """Move both times on."""
        self._monotonic += seconds
        self._time_ns += int(seconds * 1e9)
