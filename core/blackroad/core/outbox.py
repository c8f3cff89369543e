"""What waits to be written to one gRPC stream: bounded, and taken all at once."""

import asyncio
from collections import deque
from collections.abc import Callable

from blackroad.core.hub.group import Frame, delivery_frame

MAX_BYTES = 1 << 20
Batch = Callable[[list[bytes]], bytes]


class Outbox:
    """A queue of frames with one writer. Live frames are bounded: `overflow` gets the one too many instead.

    Answers to requests are not refused; the reader of the requests awaits `room` before it takes the next one.
    """

    def __init__(self, batch: Batch, overflow: Callable[[Frame], None], max_bytes: int = MAX_BYTES) -> None:
        self.batching = False
        self.size = 0
        self._batch = batch
        self._overflow = overflow
        self._max_bytes = max_bytes
        self._items: deque[bytes | Frame] = deque()
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._closed = False

    def put(self, frame: bytes) -> None:
        """Queue an answer or another frame that must not be dropped."""
        self._add(frame, len(frame))

    def put_live(self, frame: Frame) -> None:
        """Queue live events, or call `overflow` where they do not fit."""
        if self.size + frame.size > self._max_bytes and self._items:
            self._overflow(frame)
        else:
            self._add(frame, frame.size)

    def drop_live(self) -> tuple[Frame | None, int]:
        """Drop all live frames; return the first of them and the bytes that were dropped."""
        dropped = [item for item in self._items if isinstance(item, Frame)]
        self._items = deque(item for item in self._items if not isinstance(item, Frame))
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
        """Return all that is queued as one frame (up to the bound on frames); None when closed and empty."""
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
        item = self._items.popleft()
        if not isinstance(item, Frame):
            self._sized(self.size - len(item))
            return item
        run = [item]
        while self._items and isinstance(self._items[0], Frame):
            run.append(self._items.popleft())
        self._sized(self.size - sum(frame.size for frame in run))
        if len(run) == 1:
            return item.response
        return delivery_frame([event for frame in run for event in frame.events])

    def _add(self, item: bytes | Frame, size: int) -> None:
        self._items.append(item)
        self._sized(self.size + size)
        self._filled.set()

    def _sized(self, size: int) -> None:
        self.size = size
        if size < self._max_bytes:
            self._roomy.set()
        else:
            self._roomy.clear()
