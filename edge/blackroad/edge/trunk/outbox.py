"""What waits to be written on one stream of the trunk: all that is queued goes out as one frame."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from blackroad.edge.errors import Refusal
from blackroad.realtime.v1 import gateway_pb2
from blackroad.wire.v1 import frames_pb2

MAX_FRAME_BYTES: Final = 1024 * 1024
MAX_QUEUED_BYTES: Final = 64 * 1024 * 1024
ROOMY_BYTES: Final = 1024 * 1024
MAX_QUEUED_FRAMES: Final = 1_000_000

Write = Callable[[bytes], Awaitable[None]]


class Outbox:
    """A bounded queue of serialized frames with one writer.

    When it is full, `put` refuses with `unavailable`: the trunk's own bound, 64 MiB. What the edge
    itself has to say is little, and never refused.
    """

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()

    def put(self, frame: gateway_pb2.TrunkRequest) -> None:
        """Queue a frame; Refusal `unavailable` when the bound is reached."""
        serialized = frame.SerializeToString()
        if (
            self._bytes + len(serialized) > MAX_QUEUED_BYTES
            or len(self._frames) >= MAX_QUEUED_FRAMES
        ):
            raise Refusal("unavailable", "too much waits to be sent to the core")
        self._add(serialized)

    def put_own(self, frame: gateway_pb2.TrunkRequest) -> None:
        """Queue a frame of the edge's own."""
        self._add(frame.SerializeToString())

    def _add(self, serialized: bytes) -> None:
        self._frames.append(serialized)
        self._bytes += len(serialized)
        self._filled.set()

    async def room(self) -> None:
        """Return when less than 1 MiB waits."""
        while self._bytes >= ROOMY_BYTES:
            self._taken.clear()
            await self._taken.wait()

    async def run(self, write: Write) -> None:
        """Write one frame at a time; ends by being cancelled, or with what `write` raises."""
        while True:
            await self._filled.wait()
            await write(self._take())

    def _take(self) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._frames and (not taken or size + len(self._frames[0]) <= MAX_FRAME_BYTES):
            taken.append(self._frames.popleft())
            size += len(taken[-1])
        self._bytes -= size
        self._taken.set()
        if not self._frames:
            self._filled.clear()
        if len(taken) == 1:
            return taken[0]
        batch = frames_pb2.Batch(frames=taken)
        return frames_pb2.TrunkRequest(batch=batch).SerializeToString()
