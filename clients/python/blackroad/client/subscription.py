"""One subscription: a stream of its own, read by whoever iterates, resumed by its newest cursor."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final, Self

import grpc

from blackroad.client.backoff import Backoff
from blackroad.client.codes import from_closing, from_rejected, from_status, word
from blackroad.client.dial import Dial, Stream
from blackroad.client.errors import Ended, Forbidden, RealtimeError, Rejected, Unavailable
from blackroad.client.event import Event
from blackroad.client.link import WELCOME_SECONDS
from blackroad.client.parts import Gap, Snapshot
from blackroad.client.pause import Pause
from blackroad.client.updates import gap_reason, read_gap, read_snapshot
from blackroad.client.wire import CONNECT
from blackroad.realtime.v1 import channel_pb2

log = logging.getLogger("blackroad.client")

Received = Event | Gap | Snapshot

# Rejections of a subscription that pass by themselves.
_PASSING: Final = frozenset({"rate_limited", "unavailable", "draining", "unknown", "slow_consumer"})


_SUBSCRIBE: Final = "1"


class Subscription:
    """The events of a channel, pattern or unit, each once and in its channel's order.

    Reading drives it: no task runs, and while nobody reads, the server holds back. A lost
    connection is resumed at `cursor`; where that is not possible a Gap says so, in its place. It
    ends when it is closed, and raises Rejected where the right to it is missing or taken away,
    Unauthenticated, and Unavailable where no core was there at first for as long as the client is
    patient. `async with` returns once it stands, so that what is published next is received.
    """

    def __init__(
        self,
        dial: Dial,
        start: channel_pb2.Subscribe,
        patience_seconds: float,
        backoff: Backoff | None = None,
    ) -> None:
        self._call: Stream | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dial = dial
        self._start = start
        self._patience_seconds = patience_seconds
        self._pause = Pause(dial, backoff)
        self._items: deque[tuple[Received | None, str]] = deque()
        self._resume = start.cursor
        self._turn = 0
        self._closed = False
        self._stands = False
        self._stood = False
        self._caught_up = False
        self._give_up_at = 0.0
        self._told_gap = ""
        self._ended: RealtimeError | None = None
        self._retry_after: float | None = None
        self.channel = start.channel
        self.cursor = start.cursor

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        while not self._closed:
            if (item := self.take()) is not None:
                return item
            if self._ended is not None:
                ended = self._ended
                await self.close()
                raise ended
            await self._advance()
        raise StopAsyncIteration

    def take(self) -> Received | None:
        """Return the next that has come already, or None; reads nothing, and waits for nothing."""
        while self._items and not self._closed:
            item, cursor = self._items.popleft()
            self.cursor = cursor or self.cursor
            if item is not None:
                return item
        return None

    async def past(self) -> AsyncIterator[Received]:
        """Give what was there before, to where nothing was missing; iterate on for what comes."""
        while not self._closed:
            if (item := self.take()) is not None:
                yield item
            elif self._caught_up:
                return
            elif self._ended is not None:
                raise self._ended
            else:
                await self._advance()

    async def __aenter__(self) -> Self:
        while not (self._stands or self._closed):
            if self._ended is not None:
                raise self._ended
            await self._advance()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End it; idempotent. `cursor` stays good to go on from."""
        self._closed = True
        self._hang_up()

    def __del__(self) -> None:
        """End the stream of a subscription that nobody has any more: its loop was left early."""
        call, loop = self._call, self._loop
        if call is not None and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call.cancel)

    def _hang_up(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
            self._dial.release(self)

    async def _advance(self) -> None:
        """Connect where there is no connection, else read one frame."""
        try:
            if self._call is None:
                await self._connect()
            else:
                await self._read(self._call)
        except grpc.aio.AioRpcError as error:
            await self._lost(from_status(error))
        except Ended as error:
            await self._lost(error)
        except asyncio.CancelledError:
            # Reading can be cancelled at any place: what was read is kept, the rest comes again.
            self._hang_up()
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            if not self._closed:
                await self._lost(Unavailable("unavailable", "no answer from the core"))

    async def _read(self, call: Stream) -> None:
        frame = await call.read()
        if not isinstance(frame, channel_pb2.ConnectResponse):
            raise Unavailable("unavailable", "the core ended the stream")
        self._receive(frame)

    async def show(self, token: str) -> None:
        """Show a fresh token where the subscription stands; called by the refresher."""
        if self._call is not None and self._stands:
            await self._call.write(CONNECT.refresh(token))

    async def _connect(self) -> None:
        """Open a stream, subscribe on it, and wait until the subscription stands."""
        await self._dial.identify()
        self._turn = self._dial.turn
        call = self._call = self._dial.open(CONNECT, self)
        self._dial.keep(self)
        request = channel_pb2.ConnectRequest(request_id=_SUBSCRIBE, subscribe=self._subscribe())
        loop = self._loop = asyncio.get_running_loop()
        if not self._give_up_at:
            self._give_up_at = loop.time() + self._patience_seconds
        deadline = loop.call_later(WELCOME_SECONDS, call.cancel)
        self._stands = self._caught_up = False
        try:
            await call.write(CONNECT.hello)
            await call.write(request.SerializeToString())
            while not self._stands and self._ended is None and not self._closed:
                await self._read(call)
        except asyncio.InvalidStateError:
            raise Unavailable("unavailable", "the core ended the stream") from None
        finally:
            deadline.cancel()

    def _subscribe(self) -> channel_pb2.Subscribe:
        if not self._resume:
            return self._start
        again = channel_pb2.Subscribe()
        again.CopyFrom(self._start)
        again.cursor = self._resume
        return again

    async def _lost(self, error: RealtimeError) -> None:
        """Wait before the next attempt, or end where another attempt cannot help."""
        self._hang_up()
        if self._ended is not None:
            return
        if self._dial.is_final(error):
            self._ended = error
            return
        if not self._stood and asyncio.get_running_loop().time() > self._give_up_at:
            where = self._dial.target
            self._ended = Unavailable("unavailable", f"no core answers at {where}", retryable=True)
            return
        after, self._retry_after = error.retry_after_seconds or self._retry_after, None
        log.warning("%s: %s; trying again", self.channel, error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(None if self._stood else self._give_up_at):
                await self._pause.rest(self._turn, after)

    def _receive(self, frame: channel_pb2.ConnectResponse) -> None:
        """Take one frame or batch."""
        match frame.WhichOneof("frame"):
            case "delivery":
                events = frame.delivery.events
                self._items.extend((Event(event), event.cursor) for event in events)
                self._resume = events[-1].cursor or self._resume if events else self._resume
            case "batch":
                for each in frame.batch.frames:
                    self._receive(each)
            case "bookmark":
                self._mark(None, frame.bookmark.cursor)
            case "caught_up":
                self._mark(None, frame.caught_up.cursor)
                self._caught_up = True
            case "gap":
                self._gap(read_gap(frame.gap))
            case "snapshot":
                self._mark(read_snapshot(frame.snapshot), frame.snapshot.cursor)
            case _:
                self._receive_word(frame)

    def _receive_word(self, frame: channel_pb2.ConnectResponse) -> None:
        """Take a frame about the subscription or the session."""
        match frame.WhichOneof("frame"):
            case "subscribed":
                self._subscribed(frame.subscribed)
            case "unsubscribed":
                if frame.unsubscribed.code:
                    code = word(frame.unsubscribed.code)
                    self._ended = Forbidden(
                        code, "the subscription was ended", channel=self.channel
                    )
                else:
                    self._closed = True
            case "rejected":
                error = from_rejected(frame.rejected)
                if frame.request_id == _SUBSCRIBE:
                    self._rejected(error)
                else:
                    log.warning("%s: a fresh token was refused: %s", self.channel, error)
            case "closing":
                self._close_said(from_closing(frame.closing))
            case _:
                # Welcome, Pong, Lagging (nothing is lost by it), and what is newer than this SDK.
                return

    def _subscribed(self, subscribed: channel_pb2.Subscribed) -> None:
        self._stands = self._stood = True
        self._pause.worked()
        if subscribed.HasField("recovered") and not subscribed.recovered:
            reason = gap_reason(subscribed.gap)
            self._gap(Gap(subscribed.channel, reason, subscribed.cursor))
        else:
            self._mark(None, subscribed.cursor)

    def _rejected(self, error: RealtimeError) -> None:
        if error.code in _PASSING:
            after = error.retry_after_seconds
            raise Unavailable(error.code, error.message, retry_after_seconds=after)
        self._ended = error if isinstance(error, Rejected) else Rejected(error.code, error.message)

    def _close_said(self, error: RealtimeError) -> None:
        if self._dial.is_final(error):
            self._ended = error
        self._retry_after = error.retry_after_seconds

    def _gap(self, gap: Gap) -> None:
        """Tell a gap once, though Subscribed and a frame of its own may both announce it."""
        if gap.cursor != self._told_gap or not gap.cursor:
            self._told_gap = gap.cursor
            self._mark(gap, gap.cursor)

    def _mark(self, item: Received | None, cursor: str) -> None:
        self._items.append((item, cursor))
        self._resume = cursor or self._resume


def subscribe_request(
    channel: str, unit: Sequence[str], cursor: str | None, history: int | None, presence: bool
) -> channel_pb2.Subscribe:
    """Return the request that begins a subscription."""
    if cursor and history is not None:
        raise ValueError("a subscription begins at a cursor or with history, not both")
    request = channel_pb2.Subscribe(channel=channel, presence=presence, unit=unit)
    if cursor:
        request.cursor = cursor
    elif history is not None:
        request.history = history
    return request
