"""What all queues of a process may hold together."""

from typing import Protocol

MIB = 1024 * 1024


class Holder(Protocol):
    """Who has a queue."""

    def shed(self) -> None:
        """Hold less, at once: called for the holder of most, until there is room."""
        ...


class Budget:
    """Bytes that wait in queues: in each at most 1 MiB, in all 256 MiB.

    Above the common limit the largest queues are given up first.
    """

    def __init__(self, limit: int = 256 * MIB, each: int = MIB) -> None:
        self.each = each
        self._limit = limit
        self._held: dict[Holder, int] = {}
        self._total = 0

    @property
    def total(self) -> int:
        """Count the bytes that wait now."""
        return self._total

    def hold(self, holder: Holder, size: int) -> None:
        """Set how much a holder's queue has; 0 forgets the holder. It may be called from `shed`."""
        self._total += size - self._held.get(holder, 0)
        if size:
            self._held[holder] = size
        else:
            self._held.pop(holder, None)
        while self._total > self._limit and self._held:
            max(self._held, key=self._held.__getitem__).shed()
