"""What all queues of a process may hold together."""

import asyncio
from typing import Final, Protocol
from weakref import WeakSet

MIB: Final = 1 << 20
ROOM: Final = 8
"""The part of the limit that is free again after queues were shed."""


class Holder(Protocol):
    """A queue."""

    @property
    def size(self) -> int:
        """Its bytes."""
        ...

    def shed(self) -> None:
        """Hold less, at once: called for the largest first, until there is room."""
        ...


class Budget:
    """Bytes that wait in all queues. Where they are too many the largest queues shed first.

    They do until an eighth is free again: who is the largest is looked up once for many. That is
    done at the end of the turn of the loop, so that nobody loses its place while events are being
    handed around.
    """

    __slots__ = ("_holders", "_relieving", "limit", "total")

    def __init__(self, limit: int = 256 * MIB) -> None:
        self.limit = limit
        self.total = 0
        """What waits now; each holder adds what it takes and gives back."""
        self._holders: WeakSet[Holder] = WeakSet()
        self._relieving = False

    def enter(self, holder: Holder) -> None:
        """Know a queue."""
        self._holders.add(holder)

    def leave(self, holder: Holder) -> None:
        """Know it no longer; it holds nothing any more. Idempotent."""
        self._holders.discard(holder)

    @property
    def used_up(self) -> bool:
        """Whether no more should be read for those who have something waiting."""
        return self.total > self.limit

    def relieve(self) -> None:
        """Have the largest queues shed, soon."""
        if not self._relieving:
            self._relieving = True
            asyncio.get_running_loop().call_soon(self._relieve)

    def _relieve(self) -> None:
        self._relieving = False
        enough = self.limit - self.limit // ROOM
        for holder in sorted(self._holders, key=lambda one: one.size, reverse=True):
            if self.total <= enough:
                break
            holder.shed()
