"""One answer as its caller or viewer holds it."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Self

from blackroad.client.codes import from_rejected
from blackroad.client.errors import AnswerFailed, RealtimeError, UnknownOutcome
from blackroad.client.event import JSONValue, to_json
from blackroad.client.parts import Cancelled, Finished, Part, Queued, Snapshot, Started, Text
from blackroad.client.updates import (
    read_cancelled,
    read_ending,
    read_failed,
    read_finished,
    read_gap,
    read_snapshot,
    read_started,
    read_update,
)
from blackroad.realtime.v1 import common_pb2, stream_pb2

if TYPE_CHECKING:
    from blackroad.client.answers import Answers

# What may wait for a caller that does not read; more is dropped, and fetched again by cursor.
MAX_FRAMES: Final = 1_024
MAX_BYTES: Final = 1 << 20
# Below this many frames their bytes are not counted: a caller that reads never has more.
_COUNTED_FROM: Final = 32


class Answer:
    """The parts of one answer, in order; ends after Finished or Cancelled, or raises.

    It is sent when it is first awaited. Iteration raises AnswerFailed where the answer failed,
    Rejected where it could not begin, and Unavailable where the core stays away. To stop iterating
    cancels nothing: `cancel` does. After a lost connection it goes on where it was.
    """

    def __init__(
        self, answers: "Answers", start: stream_pb2.Invoke | None, stream_id: str, cursor: str
    ) -> None:
        self._answers = answers
        self._start = start
        self._inbox: deque[stream_pb2.OpenResponse] = deque()
        self._bytes = 0
        self._parts: deque[Part | RealtimeError] = deque()
        self._waiters: list[asyncio.Future[None]] = []
        self._request_id = ""
        self._received_cursor = cursor
        self._error: RealtimeError | None = None
        self._heard = False
        self._ended = False
        self._read_to_end = False
        self.place = 0
        self.stream_id = stream_id
        self.cursor = cursor
        self.agent = ""
        self.model = ""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Part:
        while True:
            if self._parts:
                part = self._parts.popleft()
                if isinstance(part, RealtimeError):
                    raise part
                return part
            if self._inbox:
                self._open_frame(self._inbox.popleft())
            elif self._read_to_end:
                raise StopAsyncIteration
            elif self._error is not None:
                self._read_to_end = True
                raise self._error
            else:
                await self._wait()

    async def __aenter__(self) -> Self:
        """Send it, and wait until it has an id."""
        await self.started()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Look at it no more; it goes on."""
        self.close()

    def close(self) -> None:
        """Look at the answer no more; it goes on. Idempotent."""
        self._read_to_end = True
        self._inbox.clear()
        self._parts.clear()
        self._answers.forget(self._request_id, self)

    async def started(self) -> str:
        """Send it and wait until it has an id, which others can join; return it. Reads nothing."""
        while not self.stream_id:
            if self._error is not None:
                raise self._error
            await self._wait()
        return self.stream_id

    async def text(self) -> str:
        """Read to the end and return the whole text. Raises as iteration does."""
        texts: list[str] = []
        async for part in self:
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, Snapshot):
                texts = [part.text]
        return "".join(texts)

    async def cancel(self) -> None:
        """Ask for its end; every viewer then sees Cancelled. Idempotent: an ended answer stays so.

        Raises Forbidden for one who is neither the invoker nor may manage the answer.
        """
        stream_id = await self.started()
        if not self._ended:
            cancel = stream_pb2.CancelAnswer(stream_id=stream_id)
            await self._answers.request(stream_pb2.OpenRequest(cancel=cancel))

    async def reply(self, value: JSONValue) -> None:
        """Give the input that it waits for (InputRequired). Raises Conflict where it does not."""
        given = stream_pb2.InputAnswer(stream_id=await self.started(), json=to_json(value))
        await self._answers.request(stream_pb2.OpenRequest(input=given))

    # What Answers calls.

    def first_frame(self, request_id: str) -> bytes:
        """Return the frame that starts it, or that joins it where it was."""
        if self._start is not None and not self.stream_id:
            start = stream_pb2.OpenRequest(request_id=request_id, start=self._start)
            return start.SerializeToString()
        join = stream_pb2.JoinAnswer(stream_id=self.stream_id, cursor=self._received_cursor)
        return stream_pb2.OpenRequest(request_id=request_id, join=join).SerializeToString()

    def lost_in_between(self) -> RealtimeError:
        """Return the error of an invocation that was written, and of which nothing was heard."""
        return UnknownOutcome(
            "unknown", "the connection was lost while the invocation began", retryable=True
        )

    def take(self, frame: stream_pb2.OpenResponse, kind: str | None) -> bool:
        """Take one frame of this answer; return True where no more is wanted."""
        if frame.stream_id:
            self.stream_id = frame.stream_id
        if kind != "rejected":
            self._heard = True
        if len(self._inbox) >= _COUNTED_FROM and self._overflows(frame):
            self._request_id = ""
            return True
        self._inbox.append(frame)
        self._note_cursor(frame)
        self._wake()
        self._ended = kind in {"finished", "failed", "cancelled", "rejected"} or (
            kind == "snapshot" and frame.snapshot.WhichOneof("ending") is not None
        )
        return self._ended

    def fail(self, error: RealtimeError) -> None:
        """End it by an error that is not the answer's own."""
        self._error = error
        self._wake()

    def _overflows(self, frame: stream_pb2.OpenResponse) -> bool:
        self._bytes += frame.ByteSize()
        return len(self._inbox) >= MAX_FRAMES or self._bytes > MAX_BYTES

    def _note_cursor(self, frame: stream_pb2.OpenResponse) -> None:
        if frame.cursor:
            self._received_cursor = frame.cursor
        elif frame.delivery.events:
            self._received_cursor = frame.delivery.events[-1].cursor or self._received_cursor

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _wait(self) -> None:
        """Wait for a frame, after asking for it where nobody does yet, or any more."""
        if not self._request_id and not self._ended:
            self._bytes = 0
            self._request_id = await self._answers.begin(self)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def _open_frame(self, frame: stream_pb2.OpenResponse) -> None:
        """Turn a frame into the parts that it carries."""
        if not self._inbox:
            self._bytes = 0
        if frame.WhichOneof("frame") == "delivery":
            for event in frame.delivery.events:
                self.cursor = event.cursor or self.cursor
                update = read_update(event.answer)
                if update is not None:
                    self._hand_out(update)
            return
        self.cursor = frame.cursor or self.cursor
        if self._is_lost(frame):
            self._hand_out(_lost())
            return
        for part in _read_frame(frame):
            self._hand_out(part)

    def _is_lost(self, frame: stream_pb2.OpenResponse) -> bool:
        """Tell whether a core says, after a lost connection, that it does not know the answer."""
        unknown = frame.rejected.code == common_pb2.ERROR_CODE_NOT_FOUND
        return unknown and self._heard

    def _hand_out(self, part: Part | RealtimeError) -> None:
        if isinstance(part, Started | Snapshot):
            self.agent, self.model = part.agent, part.model
        if isinstance(part, Finished | Cancelled | RealtimeError):
            if self._read_to_end:
                return
            self._ended = self._read_to_end = True
            self._answers.forget(self._request_id, self)
        self._parts.append(part)


def _lost() -> AnswerFailed:
    """Return the ending of an answer that went with its core."""
    return AnswerFailed("agent_lost", "the answer was lost with its server", retryable=True)


def _read_frame(frame: stream_pb2.OpenResponse) -> list[Part | RealtimeError]:
    """Return the parts of a frame other than a delivery; none for what is newer than this SDK."""
    match frame.WhichOneof("frame"):
        case "queued":
            return [Queued(frame.queued.position)]
        case "started":
            return [read_started(frame.started)]
        case "snapshot":
            ending = read_ending(frame.snapshot)
            return [read_snapshot(frame.snapshot), *([] if ending is None else [ending])]
        case "finished":
            return [read_finished(frame.finished)]
        case "cancelled":
            return [read_cancelled(frame.cancelled)]
        case "gap":
            return [read_gap(frame.gap)]
        case _:
            return _read_failure(frame)


def _read_failure(frame: stream_pb2.OpenResponse) -> list[Part | RealtimeError]:
    match frame.WhichOneof("frame"):
        case "failed":
            return [read_failed(frame.failed)]
        case "rejected":
            return [from_rejected(frame.rejected)]
        case _:
            return []
