"""Graces: how long an entry whose connection was lost still shows, in case it comes back."""

from collections import deque
from collections.abc import Iterator

from blackroad.core.presence.record import Stay


class Graces:
    """Lost entries in the order in which their graces end: all are equally long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: deque[tuple[float, Stay]] = deque()

    @property
    def due(self) -> float:
        """The monotonic second at which the next one ends; infinite where there is none."""
        return self._ends[0][0] if self._ends else float("inf")

    def begin(self, stay: Stay, now: float) -> None:
        """Begin the grace of an entry."""
        self._ends.append((now + self._seconds, stay))

    def ended(self, now: float) -> Iterator[Stay]:
        """Yield each entry whose grace has ended by now, once, whether or not it came back."""
        while self.due <= now:
            yield self._ends.popleft()[1]
