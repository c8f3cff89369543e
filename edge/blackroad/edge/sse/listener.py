"""One browser on server-sent events: one unit of channels, blocks out."""

import asyncio
import random
from typing import Final

from msgspec import Struct

from blackroad.edge import rendering
from blackroad.edge.context import Context
from blackroad.edge.errors import Refusal
from blackroad.edge.fanout import Receiver
from blackroad.edge.frames import server, sse
from blackroad.edge.frames.answer import snapshot_frames
from blackroad.edge.frames.values import ENCODER
from blackroad.edge.transport import SseStream
from blackroad.edge.trunk import Session
from blackroad.realtime.v1 import channel_pb2, event_pb2

DENIED: Final = frozenset({"forbidden", "not_member"})
RETRY_SECONDS: Final = (1.0, 3.0)


class Connected(Struct):
    """The first event."""

    client_id: str
    session_id: str
    cursor: str
    protocol: int = server.PROTOCOL_VERSION


class Listener:
    """Takes what the core says of a session to its stream of events.

    `follow` raises Refusal where the channels are not to be had; the stream is told all else.
    """

    __slots__ = ("_rendering", "_session", "_stands", "receiver", "stream")

    def __init__(self, context: Context, session: Session, rendered: str) -> None:
        self._session = session
        self._rendering = rendered
        self._stands: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self.stream = SseStream(context.transport, self)
        self.receiver = Receiver(context.fanout, self.stream, rendered, session)
        session.attach(self, self.receiver)

    async def follow(
        self, subscribe: channel_pb2.Subscribe, lesser: channel_pb2.Subscribe | None = None
    ) -> None:
        """Subscribe; returns when it stands and `connected` is said.

        What is forbidden is tried again as the lesser.
        """
        try:
            try:
                await self._subscribe(subscribe)
            except Refusal as refusal:
                if lesser is None or refusal.code not in DENIED:
                    raise
                self._stands = asyncio.get_running_loop().create_future()
                await self._subscribe(lesser)
        except BaseException:
            self.stream.close()
            raise
        finally:
            self._stands = None  # an idle stream keeps nothing that it does not need

    async def _subscribe(self, subscribe: channel_pb2.Subscribe) -> None:
        self._session.subscribe(subscribe, None, self._refused)
        if self._stands is not None:
            await self._stands

    def _refused(self, refusal: Refusal) -> None:
        if self._stands is not None and not self._stands.done():
            self._stands.set_exception(refusal)

    def _tell(self, event: str, frame: Struct, cursor: str = "") -> None:
        name = "" if self._rendering == rendering.SSE_UNNAMED else event
        self.receiver.send(sse.block(ENCODER.encode(frame), name, cursor))

    @property
    def viewing(self) -> bool:
        """Whether it waits for an answer's end."""
        return self._session.viewing

    # What the stream says.

    def on_backlog(self, waiting: bool) -> None:
        """Leave or rejoin the fast path."""
        self.receiver.on_backlog(waiting)
        if not waiting:
            self._session.on_room()

    def on_beat(self) -> None:
        """Move the last event id on, where that is right for all channels."""
        cursor = self._session.bookmark
        if cursor:
            self.receiver.send(sse.position(cursor))

    def on_close(self, _code: int) -> None:
        """End the session; SSE knows no goodbye."""
        self._refused(Refusal("cancelled"))
        self.receiver.close()
        self._session.close(clean=self._session.ended is not None)

    # What the core says.

    def on_subscribed(self, subscribed: channel_pb2.Subscribed, _request_id: str | None) -> None:
        """Say `connected`, and what is lost."""
        session = self._session
        self.receiver.send(sse.retry(random.uniform(*RETRY_SECONDS)))  # noqa: S311 - it spreads
        connected = Connected(session.client_id, session.session_id, subscribed.cursor)
        self.receiver.send(sse.block(ENCODER.encode(connected), "connected", subscribed.cursor))
        if subscribed.HasField("recovered") and not subscribed.recovered:
            self.on_gap(
                event_pb2.Gap(
                    channel=subscribed.channel, reason=subscribed.gap, cursor=subscribed.cursor
                )
            )
        if self._stands is not None and not self._stands.done():
            self._stands.set_result(None)

    def on_delivery(self, delivery: event_pb2.Delivery, _request_id: str | None) -> None:
        """Send what was missed."""
        blocks = [rendering.render(event, self._rendering, "") for event in delivery.events]
        self.receiver.send(b"".join(blocks))

    def on_snapshot(
        self,
        snapshot: event_pb2.AnswerSnapshot,
        _subscription: str,
        _request_id: str | None,
        _invoked: bool,
    ) -> None:
        """Tell an answer as it stands."""
        for frame in snapshot_frames(snapshot):
            self._tell("agent.response", frame)

    def on_gap(self, gap: event_pb2.Gap) -> None:
        """Tell that events are missing."""
        self._tell("gap", server.gap_of(gap), gap.cursor)

    def on_caught_up(self, caught_up: channel_pb2.CaughtUp) -> None:
        """Move the last event id to where it is live."""
        if caught_up.cursor:
            self.receiver.send(sse.position(caught_up.cursor))

    def on_unsubscribed(self, unsubscribed: channel_pb2.Unsubscribed) -> None:
        """End: what is left of the unit is not what was asked for; coming back tells why."""
        self.on_ended(Refusal("forbidden", channel=unsubscribed.channel))

    def on_answer_begun(self, event: event_pb2.Event) -> None:
        """Do nothing: it goes out by itself."""

    def on_answer_ended(self, stream_id: str) -> None:
        """Do nothing: it goes out by itself."""

    def on_ended(self, refusal: Refusal) -> None:
        """Say `closing`, then end."""
        self._refused(refusal)
        self.receiver.send(closing_blocks(refusal))
        self.stream.close(refusal.meaning.close_code)


def closing_blocks(refusal: Refusal) -> bytes:
    """Return `retry:` and `event: closing`."""
    seconds = refusal.retry_after_seconds
    if seconds is None:
        seconds = random.uniform(*RETRY_SECONDS)  # noqa: S311 - it spreads
    closing = ENCODER.encode(server.closing_of(refusal))
    return sse.retry(seconds) + sse.block(closing, "closing")
