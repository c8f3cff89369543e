"""Frames that wait to be written, bounded in bytes and in number."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

MAX_BYTES: Final = 1 << 20
MAX_FRAMES: Final = 16_384
# What one write carries at most: far under the server's limit, and small enough to interleave.
WRITE_BYTES: Final = 256 << 10
WRITE_FRAMES: Final = 2_048


class Outbox:
    """A queue of serialized frames; a full one makes its writers wait, and loses nothing.

    `append` is for those who looked at `full` first; one frame beyond the bound is allowed, so that
    the largest input passes. `take` is for the one task that writes.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_frames: int = MAX_FRAMES) -> None:
        self._max_bytes = max_bytes
        self._max_frames = max_frames
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._ready: asyncio.Future[None] | None = None
        self._space: asyncio.Future[None] | None = None
        self.taken = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def full(self) -> bool:
        """True where a writer has to wait for `space`."""
        return self._bytes >= self._max_bytes or len(self._frames) >= self._max_frames

    @property
    def placed(self) -> int:
        """The place of the last frame, to compare with `taken`."""
        return self.taken + len(self._frames)

    def append(self, frame: bytes) -> None:
        """Queue a frame at the end."""
        self._frames.append(frame)
        self._bytes += len(frame)
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def prepend(self, frames: Iterable[bytes]) -> None:
        """Queue frames before all that wait, in their order."""
        first = list(frames)
        self._frames.extendleft(reversed(first))
        self._bytes += sum(map(len, first))
        if first and self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    async def put(self, frame: bytes) -> None:
        """Queue a frame, after there is space for it."""
        await self.space()
        self.append(frame)

    async def space(self) -> None:
        """Wait until the queue is not full."""
        while self.full:
            if self._space is None or self._space.done():
                self._space = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._space)

    async def take(self) -> list[bytes]:
        """Wait for frames, then remove and return all that one write may carry."""
        while not self._frames:
            self._ready = asyncio.get_running_loop().create_future()
            await self._ready
        frames = self._cut()
        self.taken += len(frames)
        if self._space is not None and not self._space.done() and not self.full:
            self._space.set_result(None)
        return frames

    def _cut(self) -> list[bytes]:
        if self._bytes <= WRITE_BYTES and len(self._frames) <= WRITE_FRAMES:
            frames = list(self._frames)
            self._frames.clear()
            self._bytes = 0
            return frames
        frames, size = [self._frames.popleft()], 0
        size = len(frames[0])
        while self._frames and len(frames) < WRITE_FRAMES:
            if size + len(self._frames[0]) > WRITE_BYTES:
                break
            frames.append(self._frames.popleft())
            size += len(frames[-1])
        self._bytes -= size
        return frames

    def clear(self) -> None:
        """Forget what waits; its writers queue anew what still matters."""
        self._frames.clear()
        self._bytes = 0
        if self._space is not None and not self._space.done():
            self._space.set_result(None)
