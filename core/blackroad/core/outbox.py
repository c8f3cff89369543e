"""What waits to be written to one gRPC stream: bounded, and taken all at once."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar

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
    def response(self) -> bytes:
        """The serialized frame."""
        ...

    def joined(self, others: list[Self]) -> bytes:
        """Return this frame and the ones that follow it as one."""
        ...


Live = TypeVar("Live", bound=LiveFrame)


class Outbox(Generic[Live]):
    """A queue of frames with one writer. Live frames are bounded.

    `overflow` gets the one too many instead.

    Answers to requests are not refused; the reader of the requests awaits `room` before it takes
    the next one.
    """

    def __init__(
        self, batch: Batch, overflow: Callable[[Live], None], max_bytes: int = MAX_BYTES
    ) -> None:
        self.batching = False
        self.size = 0
        self._batch = batch
        self._overflow = overflow
        self._max_bytes = max_bytes
        self._items: deque[bytes | Live] = deque()
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._is_roomy = True
        self._closed = False

    def put(self, frame: bytes) -> None:
        """Queue an answer or another frame that must not be dropped."""
        self._add(frame, len(frame))

    def put_first(self, frame: bytes) -> None:
        """Queue a frame before everything else: what greets a stream that is attached late."""
        self._items.appendleft(frame)
        self._sized(self.size + len(frame))
        self._filled.set()

    def put_live(self, frame: Live) -> None:
        """Queue live events, or call `overflow` where they do not fit."""
        if self.size + frame.size > self._max_bytes and self._items:
            self._overflow(frame)
        else:
            self._add(frame, frame.size)

    def drop_live(self) -> tuple[Live | None, int]:
        """Drop all live frames; return the first of them and the bytes that were dropped."""
        dropped = [item for item in self._items if not isinstance(item, bytes)]
        self._items = deque(item for item in self._items if isinstance(item, bytes))
        dropped_bytes = sum(frame.size for frame in dropped)
        self._sized(self.size - dropped_bytes)
        return (dropped[0] if dropped else None), dropped_bytes

    @property
    def half_empty(self) -> bool:
        """Whether the next page of what was missed should be read."""
        return self.size < self._max_bytes // 2

    def close(self) -> None:
        """Let `take` end once all is taken. Idempotent."""
        self._closed = True
        self._filled.set()

    async def room(self) -> None:
        """Return when there is room for answers to requests."""
        await self._roomy.wait()

    async def take(self) -> bytes | None:
        """Return all that is queued as one frame (up to the bound on frames).

        None when closed and empty.
        """
        while not self._items:
            if self._closed:
                return None
            self._filled.clear()
            await self._filled.wait()
        frames = [self._next()]
        while self.batching and self._items:
            frames.append(self._next())
        return frames[0] if len(frames) == 1 else self._batch(frames)

    def _next(self) -> bytes:
        """Take the first item, with the live frames that follow it where it is one."""
        first = self._items.popleft()
        if isinstance(first, bytes):
            self._sized(self.size - len(first))
            return first
        others: list[Live] = []
        size = first.size
        while self._items and size < MAX_BYTES and not isinstance(item := self._items[0], bytes):
            others.append(item)
            size += item.size
            self._items.popleft()
        self._sized(self.size - size)
        return first.joined(others) if others else first.response

    def _add(self, item: bytes | Live, size: int) -> None:
        self._items.append(item)
        self._sized(self.size + size)
        if not self._filled.is_set():
            self._filled.set()

    def _sized(self, size: int) -> None:
        self.size = size
        if (size < self._max_bytes) is not self._is_roomy:
            self._is_roomy = not self._is_roomy
            if self._is_roomy:
                self._roomy.set()
            else:
                self._roomy.clear()
