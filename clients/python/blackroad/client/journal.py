"""A worker's outbox, which keeps what was written until the core has certainly read it."""

from collections import deque
from collections.abc import Callable
from typing import Final

from typing_extensions import override

from blackroad.client.outbox import MAX_BYTES, Outbox

# A ping rides along after this much, and its pong says what has been read.
_PING_BYTES: Final = 64 << 10
_PING_FRAMES: Final = 512


class Journal(Outbox):
    """Frames to write, and the last ones written, up to 1 MiB each.

    The core says nothing for each chunk, but it reads in order: a Pong says that all before its
    Ping has been read. One round is kept longer than that, because read is not yet appended. When
    the connection is lost, `begin` puts what may not have arrived before what waits; the core
    ignores chunks that it has.
    """

    def __init__(self, ping: Callable[[int], bytes], max_bytes: int = MAX_BYTES) -> None:
        super().__init__(max_bytes)
        self._ping = ping
        self._kept_bytes = max_bytes
        self._sent: deque[bytes] = deque()
        self._sent_bytes = 0
        self._sent_count = 0
        self._since_bytes = 0
        self._since_frames = 0
        self._asked = 0
        self._asked_at = 0
        self._read_to = 0
        self._opening = 0
        self.forgotten = 0

    @property
    def last(self) -> int:
        """The number of the last frame that was queued, to compare with `forgotten`."""
        return self.forgotten + len(self._sent) + len(self._frames) - self._opening

    def begin(self, opening: bytes) -> None:
        """Queue a new stream's first frame, then what may be lost, before all that waits."""
        if self._opening:
            self._drop_opening()
        again, self._sent, self._sent_bytes = list(self._sent), deque(), 0
        self._asked = self._read_to = self._asked_at = 0
        self._sent_count = 0
        self.prepend([opening, *again])
        self._opening = 1

    @override
    async def take(self) -> list[bytes]:
        frames = await super().take()
        kept = frames[self._opening :]
        self._opening = 0
        self._keep(kept)
        if not self._asked and (
            self._since_bytes > _PING_BYTES or self._since_frames > _PING_FRAMES
        ):
            self._asked, self._asked_at = self._asked_at + 1, self._sent_count
            frames.append(self._ping(self._asked_at))
            self._since_bytes = self._since_frames = 0
        return frames

    def pong(self, count: int) -> None:
        """Forget what had been read at the pong before this one."""
        if count != self._asked_at or not self._asked:
            return
        for _ in range(len(self._sent) - (self._sent_count - self._read_to)):
            self._forget()
        self._read_to, self._asked = count, 0

    def _keep(self, frames: list[bytes]) -> None:
        size = sum(map(len, frames))
        self._sent.extend(frames)
        self._sent_bytes += size
        self._sent_count += len(frames)
        self._since_bytes += size
        self._since_frames += len(frames)
        while self._sent_bytes > self._kept_bytes:
            self._forget()

    def _forget(self) -> None:
        self._sent_bytes -= len(self._sent.popleft())
        self.forgotten += 1

    def _drop_opening(self) -> None:
        self._bytes -= len(self._frames.popleft())
        self._opening = 0
