"""What waits to be written to one gRPC stream: bounded, and taken all at once."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, Self, TypeVar

from blackroad.core.limits.budget import Budget
from blackroad.core.log.entry import Positions

MAX_BYTES = 1 << 20
Batch = Callable[[list[bytes]], bytes]


class LiveFrame(Protocol):
    """Live events for many receivers, serialized once."""

    @property
    def size(self) -> int:
        """Its bytes."""
        ...

    @property
    def after(self) -> Positions:
        """Where a receiver stood before it."""
        ...

    @property
    def alone(self) -> bool:
        """Whether it is never joined with others: it keeps its place among the events."""
        ...

    @property
    def response(self) -> bytes:
        """The serialized frame."""
        ...

    def joined(self, others: Sequence[Self]) -> bytes:
        """Return this frame and the ones that follow it as one."""
        ...


Live = TypeVar("Live", bound=LiveFrame)


class Outbox(Generic[Live]):
    """A queue of frames with one writer. Live frames are bounded.

    `overflow` gets the one too many instead.

    Answers to requests are not refused; the reader of the requests awaits `room` before it takes
    the next one. Where all queues of the process are too large it sheds: what is live as where it
    overflows, else everything, and `exhausted` is called.
    """

    def __init__(
        self,
        batch: Batch,
        overflow: Callable[[Live], None],
        max_bytes: int = MAX_BYTES,
        budget: Budget | None = None,
    ) -> None:
        self.batching = False
        self.size = 0
        self.exhausted: Callable[[], None] | None = None
        self._budget = budget or Budget()
        self._budget.enter(self)
        self._batch = batch
        self._overflow = overflow
        self._max_bytes = max_bytes
        self._items: deque[bytes | Live] = deque()
        self._live = 0  # how many of them are
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._closed = False

    def put(self, frame: bytes | Live) -> None:
        """Queue an answer or another frame that is never refused.

        What is serialized already is not dropped either; a live one is, with those before it.
        """
        if isinstance(frame, bytes):
            self._items.append(frame)
            self._grew(len(frame))
        else:
            self._add_live(frame)

    def put_all(self, frames: Sequence[bytes], prefix: bytes = b"") -> None:
        """Queue frames like `put`, in their order, each with the prefix before it."""
        size = len(prefix) * len(frames)
        for frame in frames:
            self._items.append(prefix + frame)
            size += len(frame)
        self._grew(size)

    def put_live(self, frame: Live) -> bool:
        """Queue live events, or call `overflow` where they do not fit. Answer whether they did."""
        fits = self.size + frame.size <= self._max_bytes or not self._items
        if fits:
            self._add_live(frame)
        else:
            self._overflow(frame)
        return fits

    def drop_live(self) -> list[Live]:
        """Drop all live frames; return them in their order."""
        dropped = [item for item in self._items if not isinstance(item, bytes)]
        self._live = 0
        self._items = deque(item for item in self._items if isinstance(item, bytes))
        self._shrank(sum(frame.size for frame in dropped))
        return dropped

    @property
    def half_empty(self) -> bool:
        """Whether the next page of what was missed should be read."""
        return self.size < self._max_bytes // 2 and not (self.size and self._budget.used_up)

    def shed(self) -> None:
        """Give up what waits, because all queues together are too large."""
        newest = next((item for item in reversed(self._items) if not isinstance(item, bytes)), None)
        if newest is not None:
            self._items.remove(newest)
            self._live -= 1
            self._shrank(newest.size)
            self._overflow(newest)
        elif self.exhausted is not None:
            self._items.clear()  # of which none is live
            self._shrank(self.size)
            self.exhausted()

    def forget(self) -> None:
        """Hold nothing any more: nobody will take it. Idempotent.

        What is still put, as who goes is handed what was pending, is of no budget.
        """
        self._items.clear()
        self._live = 0
        self._shrank(self.size)
        self._budget.leave(self)
        self._budget = Budget()

    def close(self) -> None:
        """Let `take` end once all is taken. Idempotent."""
        self._closed = True
        self._filled.set()

    async def room(self) -> None:
        """Return when there is room for answers to requests."""
        await self._roomy.wait()

    async def take(self) -> bytes | None:
        """Return all that is queued as one frame, up to `MAX_BYTES`.

        None when closed and empty.
        """
        while not self._items:
            if self._closed:
                return None
            self._filled.clear()
            await self._filled.wait()
        frames = self._all() if self.batching else [self._next(MAX_BYTES)]
        return frames[0] if len(frames) == 1 else self._batch(frames)

    def _all(self) -> list[bytes]:
        """Take all that fits into one frame, at least one item."""
        if not self._live and self.size <= MAX_BYTES:
            frames = [item for item in self._items if isinstance(item, bytes)]
            self._items.clear()
            self._shrank(self.size)
            return frames
        frames = [self._next(MAX_BYTES)]
        room = MAX_BYTES - len(frames[0])
        while self._items and _size(self._items[0]) <= room:
            frames.append(self._next(room))
            room -= len(frames[-1])
        return frames

    def _next(self, room: int) -> bytes:
        """Take the first item, with the live frames that follow it where it is one."""
        first = self._items.popleft()
        if isinstance(first, bytes):
            self._shrank(len(first))
            return first
        others: list[Live] = []
        size = first.size
        self._live -= 1
        while self._items and not first.alone:
            item = self._items[0]
            if isinstance(item, bytes) or item.alone or size + item.size > room:
                break
            others.append(item)
            size += item.size
            self._items.popleft()
            self._live -= 1
        self._shrank(size)
        return first.joined(others) if others else first.response

    def _add_live(self, frame: Live) -> None:
        self._items.append(frame)
        self._live += 1
        self._grew(frame.size)

    def _grew(self, size: int) -> None:
        self.size += size
        self._budget.total += size
        if self.size >= self._max_bytes:
            self._roomy.clear()
        if self._budget.total > self._budget.limit:
            self._budget.relieve()
        self._filled.set()

    def _shrank(self, size: int) -> None:
        self.size -= size
        self._budget.total -= size
        if self.size < self._max_bytes:
            self._roomy.set()


def _size(item: bytes | LiveFrame) -> int:
    return len(item) if isinstance(item, bytes) else item.size
