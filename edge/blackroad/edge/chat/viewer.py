"""One HTTP request that views one answer as server-sent events."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, Protocol, TypeVar

from blackroad.edge.chat.words import Words
from blackroad.edge.context import Context
from blackroad.edge.errors import Refusal, code_of, from_failed
from blackroad.edge.fanout import Receiver, Sink
from blackroad.edge.frames.answer import CHANNEL_PREFIX, ENDINGS
from blackroad.edge.transport import StreamHandler
from blackroad.edge.trunk import Session
from blackroad.edge.trunk.asks import Answer
from blackroad.realtime.v1 import channel_pb2, event_pb2, stream_pb2

PRELUDE: Final = frozenset({"queued", "started"})
EARLY_SECONDS: Final = 1.0
NORMAL: Final = 1000


class Outlet(Sink, Protocol):
    """Where an answer goes: a stream, or a response that is sent when all is there.

    Closed with 1000 it is complete, with any other code it is cut off.
    """

    @property
    def closed(self) -> bool:
        """Say whether it has ended."""
        ...


S = TypeVar("S", bound=Outlet)


class Viewer(Generic[S]):
    """Takes one answer to one response, which ends when the answer has ended.

    Until something of the answer has come (at most 1 s) nothing is sent, so that an early failure
    can be an HTTP status.
    """

    def __init__(
        self,
        context: Context,
        session: Session,
        words: Words,
        outlet: Callable[[StreamHandler], S],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.stream_id = ""
        self.delivered = False
        self._context = context
        self._session = session
        self._opened: asyncio.Future[str] = loop.create_future()
        self._begun: asyncio.Future[None] = loop.create_future()
        self._caught_up: asyncio.Future[None] = loop.create_future()
        self._ended = False
        self._words = words
        self.stream: S = outlet(self)
        sink = words.sink(self.stream)
        self.receiver = Receiver(context.fanout, sink, words.rendering, session)
        session.attach(self, self.receiver)

    async def start(self, invoke: stream_pb2.Invoke) -> None:
        """Ask for the answer; Refusal where it is refused, or fails before anything has come."""
        try:
            self._session.invoke(invoke, None, self._open)
            await _first(self._opened, self._begun)
            if self._begun.done():
                self._begun.result()
            self.stream_id = await self._opened
            await self._wait_for_begin()
        except BaseException:
            self.stream.close()
            raise

    async def join(self, stream_id: str, cursor: str, ended: bool) -> None:
        """View the answer from the cursor, or from a snapshot; Refusal where it is not to be seen.

        Where the answer has `ended`, returns only when all that is left of it has come.
        """
        self.stream_id = stream_id
        subscribe = channel_pb2.Subscribe(channel=CHANNEL_PREFIX + stream_id)
        if cursor:
            subscribe.cursor = cursor
        try:
            self._session.subscribe(subscribe, None, self._fail)
            if ended:
                await _first(self._caught_up, self._begun)
                if self._begun.done():
                    self._begun.result()
            else:
                await self._wait_for_begin()
        except BaseException:
            self.stream.close()
            raise

    async def _wait_for_begin(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(EARLY_SECONDS):
                await asyncio.shield(self._begun)

    def _open(self, answer: Answer) -> None:
        if isinstance(answer, Refusal):
            self._fail(answer)
        else:
            self._know(answer.answer_opened.stream_id)

    def _know(self, stream_id: str) -> None:
        """Take the answer's id, from what comes first: the answer itself may be quicker."""
        if not self._opened.done():
            self._opened.set_result(stream_id)

    def _fail(self, refusal: Refusal) -> None:
        if not self._begun.done():
            self._begun.set_exception(refusal)

    def _begin(self) -> None:
        self.delivered = True
        if not self._begun.done():
            self._begun.set_result(None)

    def _see(self, event: event_pb2.Event) -> None:
        kind = event.answer.WhichOneof("update")
        failed = event.answer.failed
        if kind == "failed" and not self._begun.done() and not self.delivered:
            self._fail(from_failed(failed))
        elif kind not in PRELUDE:
            self._begin()

    def _finish(self) -> None:
        """End the response when the ending is out."""
        self._ended = True
        asyncio.get_running_loop().call_soon(self._close_when_sent)

    def _close_when_sent(self) -> None:
        if self._ended and not self.stream.closed:
            self._context.fanout.flush()
            if not self.receiver.queued_bytes:
                self.stream.close()

    @property
    def viewing(self) -> bool:
        """Whether it waits for an answer's end."""
        return not self._ended

    # What the stream says.

    def on_backlog(self, waiting: bool) -> None:
        """Leave or rejoin the fast path."""
        self.receiver.on_backlog(waiting)
        if not waiting:
            self._session.on_room()
            if self._ended:
                asyncio.get_running_loop().call_soon(self._close_when_sent)

    def on_beat(self) -> None:
        """Do nothing: a viewer of one answer has a cursor with each frame."""

    def on_close(self, _code: int) -> None:
        """End the session: this viewer has left."""
        self._fail(Refusal("cancelled"))
        self._begun.exception()  # nobody may be waiting any more
        self._opened.cancel()
        self._caught_up.cancel()
        self.receiver.close()
        self._session.close(clean=True)

    # What the core says.

    def on_subscribed(self, subscribed: channel_pb2.Subscribed, _request_id: str | None) -> None:
        """Do nothing: what follows speaks."""

    def on_delivery(self, delivery: event_pb2.Delivery, _request_id: str | None) -> None:
        """Send what was missed."""
        for event in delivery.events:
            self._see(event)
        self.receiver.send(self._words.delivery(delivery))
        if delivery.events[-1].answer.WhichOneof("update") in ENDINGS:
            self._finish()

    def on_snapshot(
        self,
        snapshot: event_pb2.AnswerSnapshot,
        _subscription: str,
        _request_id: str | None,
        invoked: bool,
    ) -> None:
        """Send the answer so far."""
        if invoked and not snapshot.parts and not snapshot.WhichOneof("ending"):
            return
        self._begin()
        self.receiver.send(self._words.snapshot(snapshot))
        if snapshot.WhichOneof("ending"):
            self._finish()

    def on_gap(self, gap: event_pb2.Gap) -> None:
        """Do nothing: a snapshot follows."""

    def on_caught_up(self, _caught_up: channel_pb2.CaughtUp) -> None:
        """Note it."""
        if not self._caught_up.done():
            self._caught_up.set_result(None)

    def on_unsubscribed(self, unsubscribed: channel_pb2.Unsubscribed) -> None:
        """End: the right to see it is gone."""
        code = code_of(unsubscribed.code) if unsubscribed.code else "forbidden"
        self.on_ended(Refusal(code))

    def on_answer_begun(self, event: event_pb2.Event) -> None:
        """Note that something of the answer has come."""
        self._know(event.channel.removeprefix(CHANNEL_PREFIX))
        self._see(event)

    def on_answer_ended(self, stream_id: str) -> None:
        """End the response."""
        self._know(stream_id)
        self._finish()

    def on_ended(self, refusal: Refusal) -> None:
        """Say the error in band, then end."""
        self._fail(refusal)
        said = self._words.ended(refusal)
        if said:
            self.receiver.send(said)
        complete = said and not self.receiver.queued_bytes
        self.stream.close(NORMAL if complete else refusal.meaning.close_code)


async def _first(
    one: asyncio.Future[str] | asyncio.Future[None], other: asyncio.Future[None]
) -> None:
    """Wait until one of the two is done."""
    await asyncio.wait({one, other}, return_when=asyncio.FIRST_COMPLETED)
