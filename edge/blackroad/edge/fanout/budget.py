"""What all queues of a process may hold together."""

from typing import Protocol

MIB = 1024 * 1024
ROOM = 8
"""The part of the limit that is free again after queues were given up."""


class Holder(Protocol):
    """Who has a queue."""

    def shed(self) -> None:
        """Hold less, at once: called for the holder of most, until there is room."""
        ...


class Budget:
    """Bytes that wait in queues: in each at most 1 MiB, in all 256 MiB.

    Above the common limit the largest queues are given up first, until an eighth is free again: who
    is the largest is looked up once for many, not again for each.
    """

    def __init__(self, limit: int = 256 * MIB, each: int = MIB) -> None:
        self.each = each
        self._limit = limit
        self._held: dict[Holder, int] = {}
        self._total = 0
        self._relieving = False

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
        if self._total > self._limit and not self._relieving:
            self._relieve()

    def _relieve(self) -> None:
        self._relieving = True
        try:
            self._shed_largest()
        finally:
            self._relieving = False

    def _shed_largest(self) -> None:
        enough = self._limit - self._limit // ROOM
        for holder in sorted(self._held, key=self._held.__getitem__, reverse=True):
            if self._total <= enough:
                break
            if holder in self._held:
                holder.shed()
