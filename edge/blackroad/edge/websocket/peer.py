"""One browser on the WebSocket: what it hears, and how it ends."""

from typing import Final

from msgspec import Struct

from blackroad.edge import rendering
from blackroad.edge.context import Context
from blackroad.edge.errors import Refusal
from blackroad.edge.fanout import Receiver
from blackroad.edge.frames import client, server
from blackroad.edge.frames.answer import AnswerFrame, snapshot_frames
from blackroad.edge.frames.event import event_json
from blackroad.edge.frames.times import rfc3339
from blackroad.edge.limits.refusals import Refusals
from blackroad.edge.transport import Socket
from blackroad.edge.trunk import Session
from blackroad.edge.websocket.commands import Commands
from blackroad.realtime.v1 import channel_pb2, event_pb2

BAD_PROTOCOL: Final = 4400
SAID_GOODBYE: Final = frozenset({1000, 1005})
ASKED_FOR: Final = "cancelled"
RATE_LIMITED: Final = "rate_limited"


class Peer:
    """Takes frames of a socket to the session and what the core says back to the socket."""

    __slots__ = ("_commands", "_context", "_refusals", "_session", "receiver", "socket")

    def __init__(self, context: Context, session: Session) -> None:
        self._context = context
        self._session = session
        self._commands: Commands | None = Commands(session, self.tell)
        self.socket: Socket | None = None
        self.receiver: Receiver[str] | None = None
        self._refusals: Refusals | None = None

    def begin(self, socket: Socket) -> None:
        """Take the open socket; `welcome` goes first."""
        if socket.closed:
            return
        self.socket = socket
        shown = rendering.WEBSOCKET_DEFLATED if socket.deflates else rendering.WEBSOCKET
        self.receiver = Receiver(self._context.fanout, socket, shown, self._session)
        self.tell(self._welcome())
        self._session.attach(self, self.receiver)

    def _welcome(self) -> server.Welcome:
        session, welcome = self._session, self._context.trunk.welcome
        expires = session.expire_time
        return server.Welcome(
            client_id=session.client_id,
            session_id=session.session_id,
            node=welcome.node,
            version=welcome.version,
            ping_interval_seconds=self._context.transport.limits.ping_seconds,
            limits=server.limits_of(welcome.limits),
            expires_at=None if expires is None else rfc3339(expires),
        )

    def tell(self, frame: Struct) -> None:
        """Send a frame, in order with everything else."""
        if isinstance(frame, server.Error) and frame.code == RATE_LIMITED:
            self._limited(frame)
        else:
            self._send(frame)

    def _send(self, frame: Struct) -> None:
        if self.receiver is not None and self.socket is not None:
            self.receiver.send(self.socket.framed(server.encode(frame)))

    def _limited(self, error: server.Error) -> None:
        """Tell that it asks too much: at most once a second."""
        if self._refusals is None:
            self._refusals = Refusals(self._send, self._end_limited)
        self._refusals.take(error)

    def _end_limited(self, error: server.Error) -> None:
        after = error.retry_after_seconds
        seconds = after if isinstance(after, float) else None
        self._session.end(Refusal(RATE_LIMITED, retry_after_seconds=seconds))

    @property
    def viewing(self) -> bool:
        """Whether it waits for an answer's end."""
        return self._session.viewing

    # What the socket says.

    def on_text(self, payload: bytes) -> None:
        """Take one frame; what is wrong with it is answered."""
        if self._session.ended is not None or self._commands is None:
            return
        limits = self._context.settings.limits
        frame = client.decode(payload, limits.max_frame_bytes, limits.max_json_depth)
        if isinstance(frame, client.BadFrame):
            self.tell(server.error_of(frame.refusal, frame.request_id))
        else:
            self._commands.take(frame)

    def on_binary(self, _payload: bytes) -> None:
        """Refuse: the protocol has no binary messages."""
        self._session.end(Refusal("bad_frame", "frames are JSON in text messages"))

    def on_backlog(self, waiting: bool) -> None:
        """Leave or rejoin the fast path."""
        if self.receiver is not None:
            self.receiver.on_backlog(waiting)
        if not waiting:
            self._session.on_room()

    def on_beat(self) -> None:
        """Send a bookmark, where there is one for all that is live."""
        cursor = self._session.bookmark
        if cursor:
            self.tell(server.Bookmark(cursor))

    def on_close(self, code: int) -> None:
        """End the session."""
        if self._refusals is not None:
            self._refusals.close()
        if self.receiver is not None:
            self.receiver.close()
        told = self._session.ended is not None or code >= BAD_PROTOCOL
        self._session.close(clean=told or code in SAID_GOODBYE)
        self._commands = None

    # What the core says.

    def on_subscribed(self, subscribed: channel_pb2.Subscribed, request_id: str | None) -> None:
        """Tell that a subscription stands."""
        self.tell(server.subscribed_of(subscribed, request_id))

    def on_delivery(self, delivery: event_pb2.Delivery, request_id: str | None) -> None:
        """Send what was missed."""
        if self.receiver is None or self.socket is None:
            return
        subscription = "" if request_id else delivery.subscription
        frames = (event_json(event, request_id or "", subscription) for event in delivery.events)
        self.receiver.send(b"".join(map(self.socket.framed, frames)))

    def on_snapshot(
        self,
        snapshot: event_pb2.AnswerSnapshot,
        subscription: str,
        request_id: str | None,
        invoked: bool,
    ) -> None:
        """Tell an answer as it stands."""
        shown = "" if invoked else subscription
        for frame in snapshot_frames(snapshot, request_id or "", shown):
            if not (invoked and _says_nothing(frame)):
                self.tell(frame)

    def on_gap(self, gap: event_pb2.Gap) -> None:
        """Tell that events are missing."""
        self.tell(server.gap_of(gap))

    def on_caught_up(self, caught_up: channel_pb2.CaughtUp) -> None:
        """Tell that a subscription is live."""
        self.tell(server.CaughtUp(caught_up.channel, caught_up.cursor))

    def on_unsubscribed(self, unsubscribed: channel_pb2.Unsubscribed) -> None:
        """Tell that the server ended a subscription."""
        self.tell(server.unsubscribed_of(unsubscribed))

    def on_answer_begun(self, event: event_pb2.Event) -> None:
        """Do nothing: it goes out by itself."""

    def on_answer_ended(self, stream_id: str) -> None:
        """Do nothing: it goes out by itself."""

    def on_ended(self, refusal: Refusal) -> None:
        """Say `closing`, then close."""
        if self.socket is not None:
            if refusal.code != ASKED_FOR:
                self.tell(server.closing_of(refusal))
            self.socket.close(refusal.meaning.close_code, refusal.code)


def _says_nothing(frame: AnswerFrame) -> bool:
    """Whether a snapshot only says that an answer has begun, which its caller knows."""
    return frame.status == "snapshot" and not frame.parts
