"""Appends to one partition: what is queued goes as one batch, one batch at a time."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import MAX_APPEND_BYTES, MAX_APPEND_EVENTS, Append, Appended
from blackroad.core.log.redis.codec import Batch, Limits, State, Told, answer_of, read_told
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.link import COMMAND_SECONDS, AwayError, Link, RefusedError, Word
from blackroad.core.log.redis.scripts import APPEND, BEAT, RELEASE, Script

LOG = structlog.get_logger(__name__)

APPEND_SECONDS: Final = 5.0  # after which an append is `unknown`
RETRY_SECONDS: Final = 0.05
SHORT_SECONDS: Final = 5.0  # for which what needs replicas is refused where they were too few
MAX_QUEUED_BYTES: Final = 32 << 20
# The server is not ready to, or is not the one that should: nothing was done.
ELSEWHERE: Final = frozenset(
    {"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "MASTERDOWN", "LOADING", "BUSY"}
)


class Waiting:
    """Whoever waits for the answers to some appends."""

    __slots__ = ("_missing", "answers", "future")

    def __init__(self, count: int) -> None:
        self.answers: list[Appended | Rejection] = [_NONE] * count
        self._missing = count
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wake()

    def put(self, place: int, answer: Appended | Rejection) -> None:
        """Take an answer, if it is the first for this place."""
        if self.answers[place] is _NONE:
            self.answers[place] = answer
            self._missing -= 1
            self._wake()

    def _wake(self) -> None:
        if not self._missing and not self.future.done():
            self.future.set_result(None)


_NONE = Rejection(Code.UNKNOWN)
Ticket = tuple[Waiting, int, Append, int]


class Writer:
    """One partition's queue, its connection, and the task that writes."""

    def __init__(
        self,
        number: int,
        keys: Keys,
        link: Link,
        node: str,
        limits: Limits,
    ) -> None:
        self.number = number
        self.incarnation = ""  # in the place of the server's own, where it is known better
        self.lasting: frozenset[str] = frozenset()
        self.replicas = 0
        self.replicas_seconds = 1.0
        self.now_ns: Callable[[], int] = lambda: 0
        self.told: Callable[[State], None] = lambda state: None
        self._keys = keys
        self._link = link
        self._node = node
        self._limits = limits
        self._queue: deque[Ticket] = deque()
        self._queued_bytes = 0
        self._changed = asyncio.Event()
        self._batch_number = 0
        self._beats = 0
        self._beat_waiting: asyncio.Future[int] | None = None
        self._epoch = 0
        self._short_until = 0.0
        self._full = False  # the server's memory, as far as the last batch has met it
        self._closed = False

    def put(self, waiting: Waiting, place: int, append: Append) -> None:
        """Queue an append; its answer comes to who waits. Refused at once where too much waits."""
        size = sum([record.size for record in append.records])
        if append.replicated and self._short_until > asyncio.get_running_loop().time():
            # Else who asks for replicas where there are none would hold up all others.
            waiting.put(place, Rejection(Code.UNAVAILABLE, "there are too few replicas"))
            return
        if self._closed or self._queued_bytes + size > MAX_QUEUED_BYTES:
            waiting.put(place, Rejection(Code.UNAVAILABLE, "the log does not keep up"))
            return
        self._queue.append((waiting, place, append, size))
        self._queued_bytes += size
        self._changed.set()

    async def prove(self) -> State:
        """Send a canary before anything runs. Raises `AwayError` or `RefusedError`."""
        self._beats += 1
        told = read_told(await self._run(BEAT, list(self._keys.all)))
        self._note(told.state)
        await self._release(told.state)
        return told.state

    async def beat(self) -> int:
        """Send a canary between two batches; return its number.

        Raises `AwayError` or `RefusedError`.
        """
        if self._beat_waiting is None:
            self._beat_waiting = asyncio.get_running_loop().create_future()
            self._changed.set()
        return await asyncio.shield(self._beat_waiting)

    async def run(self) -> None:
        """Write until cancelled; then whoever waits is refused."""
        batch: list[Ticket] = []
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                if self._beat_waiting is not None:
                    await self._send_beat(self._beat_waiting)
                while batch := self._take():
                    await self._write(batch)
                    batch = []
                    if self._beat_waiting is not None:
                        await self._send_beat(self._beat_waiting)
        finally:
            _refuse(batch, Rejection(Code.UNKNOWN))
            await self.close()

    async def close(self) -> None:
        """Refuse what is queued, close the connection. Idempotent."""
        self._closed = True
        self._refuse_queued("the log is closed")
        if self._beat_waiting is not None:
            self._beat_waiting.cancel()
        await self._link.close()

    def _take(self) -> list[Ticket]:
        batch: list[Ticket] = []
        events = size = 0
        while self._queue:
            _, _, append, weight = self._queue[0]
            events += len(append.records)
            size += weight
            if batch and (events > MAX_APPEND_EVENTS or size > MAX_APPEND_BYTES):
                break
            batch.append(self._queue.popleft())
            self._queued_bytes -= weight
        return batch

    async def _write(self, tickets: Sequence[Ticket]) -> None:
        batch = Batch(self._keys, self.lasting, self.now_ns())
        for _, _, append, _ in tickets:
            batch.add(append)
        self._batch_number += 1
        told = await self._send(batch)
        if isinstance(told, Rejection):
            _refuse(tickets, told)
            if not self._link.open:
                self._refuse_queued("the log cannot be reached")
            return
        self._note(told.state)
        results = [
            answer_of(answer, ids, self.number)
            for answer, ids in zip(told.answers, batch.ids, strict=True)
        ]
        await self._answer(tickets, results)
        try:
            await self._release(told.state)
        except (AwayError, RefusedError):
            return  # they go when their time is over

    async def _answer(
        self, tickets: Sequence[Ticket], results: Sequence[Appended | Rejection]
    ) -> None:
        """Answer each: what replicas must have once enough of them have it, the rest before."""
        held: list[tuple[Ticket, Appended]] = []
        for ticket, result in zip(tickets, results, strict=True):
            waiting, place, append, _ = ticket
            if isinstance(result, Appended) and (self.replicas or append.replicated):
                held.append((ticket, result))
            else:
                waiting.put(place, result)
        if not held:
            return
        enough = await self._held()
        self._short_until = 0.0 if enough else asyncio.get_running_loop().time() + SHORT_SECONDS
        for (waiting, place, _, _), result in held:
            short = Rejection(Code.UNKNOWN, "too few replicas have it")
            waiting.put(place, result if enough else short)

    def _refuse_queued(self, text: str) -> None:
        _refuse(tuple(self._queue), Rejection(Code.UNAVAILABLE, text))
        self._queue.clear()
        self._queued_bytes = 0

    async def _send(self, batch: Batch) -> Told | Rejection:
        """Have the server take a batch; ask again under its number where that is uncertain."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + APPEND_SECONDS
        sent = False
        while True:
            try:
                told = read_told(await self._run(APPEND, batch.keys, batch.count, *batch.words))
            except AwayError as away:
                sent = sent or away.sent
                if not sent:
                    return Rejection(Code.UNAVAILABLE, "the log cannot be reached")
            except RefusedError as refused:
                if refused.word not in ELSEWHERE:
                    return self._refusal(refused, sent=sent)
            else:
                self._note_full(full=False)
                return told
            if loop.time() > deadline:
                return Rejection(Code.UNKNOWN if sent else Code.UNAVAILABLE)
            await asyncio.sleep(RETRY_SECONDS)

    def _refusal(self, refused: RefusedError, *, sent: bool) -> Rejection:
        if refused.word == "OOM":
            self._note_full(full=True)
            if not sent:
                return Rejection(Code.UNAVAILABLE, "the log's memory is full")
            return Rejection(Code.UNKNOWN)
        LOG.error("log.refused", partition=self.number, error=str(refused))
        return Rejection(Code.UNKNOWN)

    def _note_full(self, *, full: bool) -> None:
        """Say once that the server's memory is full, and once that it is not any more."""
        if full is not self._full:
            self._full = full
            LOG.warning("log.memory_full" if full else "log.memory_free", partition=self.number)

    async def _run(self, script: Script, keys: list[str], *words: Word) -> bytes:
        await self._link.connect()
        incarnation = self.incarnation or self._link.incarnation
        number = self._batch_number if script is APPEND else self._beats
        heading = (incarnation, self._node, number, self._epoch, *self._limits.words)
        return await self._link.run(script, keys, *heading, *words)

    async def _send_beat(self, waiting: asyncio.Future[int]) -> None:
        try:
            await self.prove()
        except (AwayError, RefusedError) as error:
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # nobody may wait for it any more
        else:
            if not waiting.done():
                waiting.set_result(self._beats)
        finally:
            self._beat_waiting = None

    async def _release(self, state: State) -> None:
        """Let go of histories that are too many. Raises `AwayError` or `RefusedError`."""
        if state.crowded:
            keys = [self._keys.channels, *map(self._keys.history, state.crowded)]
            await self._link.run(RELEASE, keys, *state.crowded)

    async def _held(self) -> bool:
        """Return when enough replicas have what this connection wrote, or too few in time."""
        wait_ms, replicas = int(self.replicas_seconds * 1000), max(self.replicas, 1)
        try:
            count = await self._link.call(
                "WAIT", replicas, wait_ms, seconds=self.replicas_seconds + COMMAND_SECONDS
            )
        except (AwayError, RefusedError):
            return False
        return isinstance(count, int) and count >= replicas

    def _note(self, state: State) -> None:
        self._epoch = max(self._epoch, state.epoch)
        self.told(state)


def _refuse(tickets: Sequence[Ticket], answer: Rejection) -> None:
    for waiting, place, _, _ in tickets:
        waiting.put(place, answer)
