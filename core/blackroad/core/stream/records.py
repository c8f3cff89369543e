"""Records of answers in the log: those in progress now and then, those that ended at once."""

import asyncio
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from blackroad.core.clock import Clock
from blackroad.core.errors import Rejection
from blackroad.core.log.shelf import Shelf
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.record import Record, read_record

LOOK_SECONDS: Final = 0.5
AGAIN_SECONDS: Final = 5.0
MAX_ENDED: Final = 10_000  # that wait to be written while the log is away
MAX_BYTES: Final = 1 << 20  # of one append of several


class _Written:
    """What the log has of an answer in progress."""

    __slots__ = ("at", "attempt", "offset")

    def __init__(self, at: float) -> None:
        self.at = at
        self.offset = 0
        self.attempt = 0


class Records:
    """Writes the records of the answers that this node holds, and reads those of any.

    One in progress is written when it is half a second old and each five seconds as long as it
    changes: what came since is in the log. Those that have ended are kept as `StreamLimits` says,
    each node's within its bytes.
    """

    def __init__(
        self, shelf: Shelf, clock: Clock, limits: StreamLimits, made: Callable[[Answer], bytes]
    ) -> None:
        self._shelf = shelf
        self._now = clock.monotonic
        self._limits = limits
        self._made = made
        self._held: dict[Answer, _Written] = {}
        self._ended: deque[Answer] = deque(maxlen=MAX_ENDED)
        self._kept: deque[tuple[str, int]] = deque()  # names and bytes, the oldest first
        self._kept_bytes = 0
        self._wanted = asyncio.Event()

    def hold(self, answer: Answer) -> None:
        """Write an answer from now on."""
        self._held[answer] = _Written(self._now())

    def let_go(self, answer: Answer) -> None:
        """Write it no more: another node does. Idempotent."""
        self._held.pop(answer, None)

    def close(self, answer: Answer) -> None:
        """Write an answer that has ended, for the last time."""
        if self._held.pop(answer, None) is not None:
            self._ended.append(answer)
            self._wanted.set()

    @property
    def waiting(self) -> int:
        """How many that have ended are not yet written."""
        return len(self._ended)

    async def find(self, key: str) -> Record | None:
        """Return the record of an answer by its channel's key. Raises `Rejection`."""
        found = await self._shelf.get(record_name(key))
        return read_record(found.value) if found is not None else None

    async def run(self) -> None:
        """Write until cancelled."""
        look = 0.0
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            if self._now() >= look + LOOK_SECONDS:
                look = self._now()
                await self._write(self._due())
            await self._write_ended()

    def _due(self) -> list[Answer]:
        now = self._now()
        due: list[Answer] = []
        for answer, written in self._held.items():
            fresh = answer.attempt != written.attempt
            wait = LOOK_SECONDS if fresh else AGAIN_SECONDS
            if now >= written.at + wait and (fresh or answer.folded.offset != written.offset):
                due.append(answer)
        return due

    async def _write(self, answers: list[Answer]) -> None:
        for answer in answers:
            written = self._held.get(answer)
            if written is None:
                continue
            attempt, offset = answer.attempt, answer.folded.offset
            seconds = max(answer.deadline_at - self._now(), 0.0) + self._limits.keep_seconds
            if await self._put([(record_name(answer.key), self._made(answer))], seconds):
                written.at, written.attempt, written.offset = self._now(), attempt, offset

    async def _write_ended(self) -> None:
        while self._ended:
            batch: list[tuple[str, bytes]] = []
            size, taken = 0, list(self._ended)
            for answer in taken:
                made = self._made(answer)
                if batch and size + len(made) > MAX_BYTES:
                    break
                batch.append((record_name(answer.key), made))
                size += len(made)
            if not await self._put(batch, self._limits.keep_seconds):
                return
            for name, made in batch:
                self._ended.popleft()
                self._kept.append((name, len(made)))
            self._kept_bytes += size
            await self._shrink()

    async def _shrink(self) -> None:
        """Let go of the oldest that are too many."""
        gone: list[str] = []
        while self._kept_bytes > self._limits.keep_bytes and self._kept:
            name, size = self._kept.popleft()
            self._kept_bytes -= size
            gone.append(name)
        if gone:
            await self._put([(name, b"") for name in gone], 0.0)

    async def _put(self, values: list[tuple[str, bytes]], seconds: float) -> bool:
        """Tell whether the log took them."""
        try:
            await self._shelf.put_all(values, seconds)
        except Rejection:
            return False
        return True


def record_name(key: str) -> str:
    """Return the name on the shelf of an answer's record, by its channel's key."""
    return sha256(key.encode()).hexdigest()
