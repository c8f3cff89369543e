"""How many there were in the last so many seconds."""

from collections import deque
from math import floor


class SlidingWindow:
    """Lets at most `limit` through in any `seconds`.

    Time is counted in slots, so that it holds at most slots + 1 numbers; one that is let through
    counts for up to a slot longer than the window.
    """

    __slots__ = ("_counts", "_limit", "_slot_seconds", "_slots", "_total")

    def __init__(self, limit: int, seconds: float, slots: int = 60) -> None:
        self._limit = limit
        self._slots = slots
        self._slot_seconds = seconds / slots
        self._counts: deque[tuple[int, int]] = deque()  # slot, how many
        self._total = 0

    def __len__(self) -> int:
        """Count the numbers that it holds."""
        return len(self._counts)

    def wait(self, count: int, now: float) -> float:
        """Return after how many seconds so many more fit; 0 for now.

        `count` is at most the limit.
        """
        self._forget(now)
        excess = self._total + count - self._limit
        if excess <= 0:
            return 0.0
        for slot, counted in self._counts:
            excess -= counted
            if excess <= 0:
                return (slot + self._slots + 1) * self._slot_seconds - now
        raise ValueError("more than the limit never fit")

    def add(self, count: int, now: float) -> None:
        """Count what was let through."""
        slot = floor(now / self._slot_seconds)
        if self._counts and self._counts[-1][0] >= slot:
            slot, counted = self._counts.pop()
            count, self._total = count + counted, self._total - counted
        self._counts.append((slot, count))
        self._total += count

    def is_empty(self, now: float) -> bool:
        """Whether it is as when it was made."""
        self._forget(now)
        return not self._counts

    def _forget(self, now: float) -> None:
        last = floor(now / self._slot_seconds) - self._slots
        while self._counts and self._counts[0][0] < last:
            _, counted = self._counts.popleft()
            self._total -= counted
