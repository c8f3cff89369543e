"""One browser on the chat WebSocket: several prompts at once, told apart by `id`."""

from msgspec import UNSET, Struct

from blackroad.edge import rendering
from blackroad.edge.chat.frames import SocketError, snapshot_socket_json
from blackroad.edge.chat.models import SocketRequest, chat_invoke, decode_socket, input_answer
from blackroad.edge.chat.prompts import Prompts
from blackroad.edge.context import Context
from blackroad.edge.errors import Refusal
from blackroad.edge.fanout import Receiver
from blackroad.edge.frames import server
from blackroad.edge.limits.refusals import CODE as RATE_LIMITED
from blackroad.edge.limits.refusals import Refusals
from blackroad.edge.transport import Socket, text_frame
from blackroad.edge.trunk import Session
from blackroad.edge.trunk.asks import Answer
from blackroad.realtime.v1 import channel_pb2, event_pb2, gateway_pb2, stream_pb2


class ChatPeer:
    """Takes prompts of a socket to the session and their answers back."""

    __slots__ = ("_context", "_prompts", "_refusals", "_session", "receiver", "socket")

    def __init__(self, context: Context, session: Session) -> None:
        self._context = context
        self._session = session
        self._prompts = Prompts()
        self.socket: Socket | None = None
        self.receiver: Receiver[str] | None = None
        self._refusals: Refusals | None = None

    def begin(self, socket: Socket) -> None:
        """Take the open socket."""
        if socket.closed:
            return
        self.socket = socket
        fanout = self._context.fanout
        self.receiver = Receiver(fanout, socket, rendering.CHAT_SOCKET, self._session)
        self._session.attach(self, self.receiver)

    def _tell(self, frame: Struct) -> None:
        if self.receiver is not None:
            self.receiver.send(text_frame(server.encode(frame)))

    def _tell_error(self, refusal: Refusal, request_id: str | None) -> None:
        if refusal.code == RATE_LIMITED:
            self._limited(server.error_of(refusal, request_id))
            return
        seconds = refusal.retry_after_seconds
        error = SocketError(
            refusal.code,
            refusal.message,
            request_id,
            retryable=refusal.retryable,
            retry_after_seconds=UNSET if seconds is None else seconds,
        )
        self._tell(error)

    def _limited(self, error: server.Error) -> None:
        """Tell that it asks too much: at most once a second."""
        if self._refusals is None:
            self._refusals = Refusals(self._tell, self._end_limited)
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
        if self._session.ended is not None:
            return
        limits = self._context.settings.limits
        request_id: str | None = None
        try:
            request = decode_socket(payload, limits.max_frame_bytes, limits.max_json_depth)
            request_id = request.id
            self._serve(request)
        except Refusal as refusal:
            self._tell_error(refusal, request_id)

    def _serve(self, request: SocketRequest) -> None:
        match request.type:
            case None | "prompt" | "message":
                self._prompt(request)
            case "cancel":
                self._cancel(request)
            case "input":
                self._input(request)
            case "ping":
                self._tell(server.Pong(request.id))
            case _:
                raise Refusal("unknown_type")

    def _prompt(self, request: SocketRequest) -> None:
        invoke = chat_invoke(request)
        prompt = self._prompts.add(request.id)

        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Refusal):
                self._prompts.remove(prompt)
                self._tell_error(answer, request.id)
            else:
                self._prompts.open(prompt, answer.answer_opened.stream_id)
                if prompt.cancelled:
                    self._send_cancel(prompt.stream_id, request.id)

        self._session.invoke(invoke, request.id, on_answer)

    def _cancel(self, request: SocketRequest) -> None:
        if request.stream_id:
            self._send_cancel(request.stream_id, request.id)
            return
        prompt = self._prompts.find(request.id)
        if prompt.stream_id:
            self._send_cancel(prompt.stream_id, request.id)
        else:
            prompt.cancelled = True

    def _send_cancel(self, stream_id: str, request_id: str | None) -> None:
        cancel = stream_pb2.CancelAnswer(stream_id=stream_id)
        self._ask(gateway_pb2.TrunkRequest(cancel=cancel), request_id)

    def _input(self, request: SocketRequest) -> None:
        stream_id = request.stream_id or self._prompts.find(request.id).stream_id
        given = input_answer(stream_id, bytes(request.content))
        self._ask(gateway_pb2.TrunkRequest(input=given), request.id)

    def _ask(self, frame: gateway_pb2.TrunkRequest, request_id: str | None) -> None:
        """Ask what is answered by the answer's own frames, unless it is refused."""

        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Refusal):
                self._tell_error(answer, request_id)

        self._session.ask(frame, on_answer)

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
        """Do nothing: this door has no cursors."""

    def on_close(self, _code: int) -> None:
        """End the session: the viewer of all its answers has left."""
        if self._refusals is not None:
            self._refusals.close()
        if self.receiver is not None:
            self.receiver.close()
        self._session.close(clean=True)

    # What the core says.

    def on_subscribed(self, subscribed: channel_pb2.Subscribed, request_id: str | None) -> None:
        """Do nothing: what follows speaks."""

    def on_delivery(self, delivery: event_pb2.Delivery, request_id: str | None) -> None:
        """Send what was missed."""
        if self.receiver is not None:
            shown = request_id or ""
            frames = (
                rendering.render(event, rendering.CHAT_SOCKET, shown) for event in delivery.events
            )
            self.receiver.send(b"".join(frames))

    def on_snapshot(
        self,
        snapshot: event_pb2.AnswerSnapshot,
        _subscription: str,
        request_id: str | None,
        invoked: bool,
    ) -> None:
        """Send the answer so far."""
        empty = invoked and not snapshot.parts and not snapshot.WhichOneof("ending")
        if self.receiver is not None and not empty:
            frames = snapshot_socket_json(snapshot, request_id or "")
            self.receiver.send(b"".join(map(text_frame, frames)))

    def on_gap(self, gap: event_pb2.Gap) -> None:
        """Do nothing: a snapshot follows."""

    def on_caught_up(self, caught_up: channel_pb2.CaughtUp) -> None:
        """Do nothing: what comes speaks."""

    def on_unsubscribed(self, unsubscribed: channel_pb2.Unsubscribed) -> None:
        """Tell that an answer is not to be seen any more."""
        stream_id = unsubscribed.channel.removeprefix("stream.")
        request_id = self._prompts.end(stream_id)
        refusal = Refusal("forbidden")
        error = SocketError(refusal.code, refusal.message, request_id, stream_id=stream_id)
        self._tell(error)

    def on_answer_begun(self, event: event_pb2.Event) -> None:
        """Do nothing: it goes out by itself."""

    def on_answer_ended(self, stream_id: str) -> None:
        """Forget the answer: its ending goes out by itself."""
        self._prompts.end(stream_id)

    def on_ended(self, refusal: Refusal) -> None:
        """Say `closing`, then close."""
        if self.socket is not None:
            self._tell(server.closing_of(refusal))
            self.socket.close(refusal.meaning.close_code, refusal.code)
