"""Publishing over one `Connect` stream: many events in flight, each in the log at most once."""

import asyncio
import itertools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from blackroad.client.backoff import Backoff
from blackroad.client.codes import from_rejected
from blackroad.client.dial import Dial
from blackroad.client.errors import (
    Conflict,
    InvalidRequest,
    RealtimeError,
    Rejected,
    Unavailable,
    UnknownOutcome,
)
from blackroad.client.event import JSONValue, to_json
from blackroad.client.link import Link
from blackroad.client.outbox import Outbox
from blackroad.client.wire import CONNECT
from blackroad.realtime.v1 import channel_pb2, event_pb2

Body = JSONValue | bytes

# Rejections after which the same request, with its key, may be in the log or get there.
_AGAIN: Final = frozenset({"unknown", "unavailable", "draining"})


@dataclass(frozen=True, slots=True)
class Published:
    """What the log gave to an event; `duplicate` where its idempotency key had been seen before."""

    event_id: str
    offset: int
    duplicate: bool = False


def draft(
    body: Body,
    event_type: str = "",
    headers: Mapping[str, str] | None = None,
    correlation_id: str = "",
    ttl_seconds: float | None = None,
) -> event_pb2.Draft:
    """Return an event as its publisher says it: text as text, bytes as bytes, the rest as JSON."""
    made = event_pb2.Draft(type=event_type, headers=headers, correlation_id=correlation_id)
    if isinstance(body, str):
        made.text = body
    elif isinstance(body, bytes):
        made.data = body
    else:
        made.json = to_json(body)
    if ttl_seconds is not None:
        made.ttl.FromNanoseconds(int(ttl_seconds * 1e9))
    return made


class _Asked:
    """A publish that has no answer yet, over all its tries."""

    __slots__ = ("answered", "frame", "may_be", "place", "refused")

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.place = 0  # in the outbox, of this try
        self.may_be = False  # in the log, of a try before this one
        self.refused: RealtimeError | None = None  # the last try, and no other was begun
        self.answered: asyncio.Future[channel_pb2.PublishResponse]

    def refusal(self, error: RealtimeError) -> RealtimeError:
        """Return what a refusal for good says of the event, whose earlier tries may be there.

        What is no valid request was none before, either; and before it finds a conflict the log
        looks for the key.
        """
        certain = not isinstance(error, Rejected) or isinstance(error, InvalidRequest | Conflict)
        if certain or not self.may_be:
            return error
        text = f"an earlier try may be in the log; the last one was refused: {error}"
        return UnknownOutcome("unknown", text, channel=error.channel)


class Publisher:
    """Sends publishes and pairs each with its answer.

    After a lost connection, and after an answer that leaves it open, the same request goes out
    again under the same idempotency key, so that the event is in the log once.
    """

    def __init__(self, dial: Dial, timeout_seconds: float) -> None:
        self._dial = dial
        self._timeout_seconds = timeout_seconds
        self._outbox = Outbox()
        self._link = Link(dial, CONNECT, self, self._outbox)
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[str, _Asked] = {}
        self._numbers = itertools.count(1)
        self._key = secrets.token_urlsafe(12)
        self._over: RealtimeError | None = None
        self._draining: RealtimeError | None = None
        self._asked = 0
        self._none_asked = asyncio.Event()
        self._none_asked.set()

    async def publish(
        self,
        channel: str,
        drafts: Sequence[event_pb2.Draft],
        idempotency_key: str = "",
        expected_offset: int | None = None,
    ) -> list[Published]:
        """Append events to a channel, all or none; return once they are in the log.

        Raises Rejected (certainly not in the log), UnknownOutcome (it may be: the time was over
        before the core said, or a try of which that is not known was followed by a refusal),
        Unavailable.
        """
        if self._draining is not None:
            raise self._draining
        number = str(next(self._numbers))
        request = channel_pb2.PublishRequest(
            channel=channel,
            events=drafts,
            idempotency_key=idempotency_key or f"{self._key}-{number}",
            expected_offset=expected_offset,
        )
        frame = channel_pb2.ConnectRequest(request_id=number, publish=request)
        asked = _Asked(frame.SerializeToString())
        self._asked += 1
        self._none_asked.clear()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._until_known(number, asked)
        except TimeoutError:
            raise self._overdue(asked) from None
        finally:
            self._asked -= 1
            if not self._asked:
                self._none_asked.set()
        return [Published(each.id, each.offset, response.duplicate) for each in response.events]

    async def drain(self) -> None:
        """Take nothing new, and return when all that was asked is answered."""
        self._draining = Unavailable("draining", "the client is being drained")
        await self._none_asked.wait()

    async def close(self) -> None:
        """End the stream; what was not answered raises. Idempotent."""
        self._over = self._over or Unavailable("cancelled", "the client is closed")
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._fail_all(self._over)

    async def _until_known(self, number: str, asked: _Asked) -> channel_pb2.PublishResponse:
        backoff = Backoff()
        while True:
            try:
                return await self._once(number, asked)
            except RealtimeError as error:
                if error.code not in _AGAIN or self._over is not None:
                    raise asked.refusal(error) from error
                asked.may_be = asked.may_be or isinstance(error, UnknownOutcome)
                asked.refused = error
                await asyncio.sleep(backoff.next_seconds(error.retry_after_seconds))
                asked.refused = None

    async def _once(self, number: str, asked: _Asked) -> channel_pb2.PublishResponse:
        if self._over is not None:
            raise self._over
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="blackroad publisher")
        if self._outbox.full:
            await self._outbox.space()
        asked.answered = asyncio.get_running_loop().create_future()
        self._waiting[number] = asked
        self._put(asked)
        try:
            return await asked.answered
        finally:
            self._waiting.pop(number, None)

    def _put(self, asked: _Asked) -> None:
        self._outbox.append(asked.frame)
        asked.place = self._outbox.placed

    async def _run(self) -> None:
        self._over = await self._link.run() or Unavailable("unavailable", "the core has ended it")
        self._fail_all(self._over)

    def _overdue(self, asked: _Asked) -> RealtimeError:
        if asked.refused is not None and not asked.may_be:
            return asked.refused
        if self._link.standing or asked.may_be:
            return UnknownOutcome("unknown", "the core did not answer in time", retryable=True)
        where = self._dial.target
        return Unavailable("unavailable", f"no core answers at {where}", retryable=True)

    def _fail_all(self, error: RealtimeError) -> None:
        for asked in self._waiting.values():
            if not asked.answered.done():
                asked.answered.set_exception(error)

    # The link's peer.

    def received(self, frame: channel_pb2.ConnectResponse) -> None:
        """Take one frame or batch."""
        match frame.WhichOneof("frame"):
            case "published":
                asked = self._waiting.get(frame.request_id)
                if asked is not None and not asked.answered.done():
                    asked.answered.set_result(frame.published)
            case "batch":
                for each in frame.batch.frames:
                    self.received(each)
            case "rejected":
                asked = self._waiting.get(frame.request_id)
                if asked is not None and not asked.answered.done():
                    asked.answered.set_exception(from_rejected(frame.rejected))
            case "welcome":
                self._link.welcomed(frame.welcome)
            case "closing":
                self._link.closing(frame.closing)
            case _:
                return

    def opened(self) -> None:
        """Send all again that has no answer yet, in its order; the keys keep it single."""
        self._outbox.clear()
        for asked in self._waiting.values():
            if not asked.answered.done():
                self._put(asked)

    def lost(self, error: RealtimeError) -> None:
        """Keep what waits: it goes out again, or its time runs out."""
        for asked in self._waiting.values():
            asked.may_be = asked.may_be or asked.place <= self._outbox.taken
