"""The one reader that hears of every entry as it is appended in this process."""

import asyncio
from collections.abc import Sequence

from blackroad.core.log.entry import Entry, Position, Positions
from blackroad.core.log.ring import RECORD_COST


class Follower:
    """Yields all that was put since the last time, as one batch. A cancelled wait loses nothing.

    What is not taken is bounded: where it would exceed `max_bytes`, all but the latest is let go,
    and the next batch begins after a hole in the sequences.
    """

    def __init__(self, start: Positions, max_bytes: int) -> None:
        self._pending: list[Entry] = []
        self._bytes = 0
        self._max_bytes = max_bytes
        self._reached = list(start)
        self._heads = start
        self._changed = asyncio.Event()
        self._ended = False

    @property
    def heads(self) -> Positions:
        """The place that the batches so far reach."""
        return self._heads

    def begin(self, start: Positions) -> None:
        """Begin after another place than was thought: nothing was put yet."""
        self._reached = list(start)
        self._heads = start

    def put(self, entries: Sequence[Entry]) -> None:
        """Add what was appended, in order."""
        added = RECORD_COST * len(entries) + 2 * sum([entry.record.size for entry in entries])
        if self._bytes + added > self._max_bytes:
            self._pending.clear()
            self._bytes = 0
        self._pending += entries
        self._bytes += added
        self._changed.set()

    def end(self) -> None:
        """End the iteration after what was put. Idempotent."""
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> "Follower":
        return self

    async def __anext__(self) -> list[Entry]:
        while not self._pending:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        batch, self._pending, self._bytes = self._pending, [], 0
        if len(self._reached) == 1:
            self._heads = (batch[-1].position,)
        else:
            for entry in batch:
                self._reached[entry.partition] = Position(entry.epoch, entry.sequence)
            self._heads = tuple(self._reached)
        return batch
