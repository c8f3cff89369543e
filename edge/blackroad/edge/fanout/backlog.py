"""What waits for one receiver: in order, and the live part of it can be dropped."""

from itertools import chain
from typing import NamedTuple

from blackroad.edge.fanout.window import NO_MARKS, Passed


class Chunk(NamedTuple):
    """Bytes that wait: of live events, or of something that is for this receiver only."""

    data: bytes
    before: str = ""
    """The position before the first event."""
    moves: int = -1
    """How often the position had moved until there; -1 for what is not live, and never dropped."""
    marks: Passed = NO_MARKS
    """The last events before it that may come after the position before it."""


class Backlog:
    """Chunks in their order; live ones may be held, and then come after others that came later.

    `size` counts the bytes of all, held ones included.
    """

    __slots__ = ("_held", "_queue", "size")

    def __init__(self) -> None:
        self.size = 0
        self._queue: list[Chunk] = []
        self._held: list[Chunk] = []

    def add(self, chunk: Chunk) -> None:
        """Put a chunk at the end, before what is held."""
        self.size += len(chunk.data)
        self._queue.append(chunk)

    def hold(self, chunk: Chunk) -> None:
        """Put a live chunk behind all others, until `release`."""
        self.size += len(chunk.data)
        self._held.append(chunk)

    def release(self) -> None:
        """Hold nothing more: it comes next, after what waits."""
        self._queue += self._held
        self._held = []

    def take(self) -> bytes:
        """Take out all that waits, but what is held, as one run of bytes."""
        queue, self._queue = self._queue, []
        self.size = sum([len(chunk.data) for chunk in self._held])
        return b"".join([chunk.data for chunk in queue])

    def drop_live(self) -> None:
        """Forget all that is live, held or not."""
        self._queue = [chunk for chunk in self._queue if chunk.moves < 0]
        self._held = []
        self.size = sum([len(chunk.data) for chunk in self._queue])

    @property
    def first_live(self) -> Chunk | None:
        """The first chunk that `drop_live` would forget."""
        return next((one for one in chain(self._queue, self._held) if one.moves >= 0), None)

    def exceeds(self, limit: int) -> bool:
        """Say whether too much waits, the largest own chunk aside: a snapshot may be that long."""
        own = (len(chunk.data) for chunk in self._queue if chunk.moves < 0)
        return self.size - max(own, default=0) > limit
