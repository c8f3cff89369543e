"""A WebSocket after its handshake: frames in, bytes out, and nothing else per connection."""

import logging
from asyncio import Transport as Wire
from typing import TYPE_CHECKING

from wsproto.frame_protocol import CloseReason, Opcode, ParseFailed

from blackroad.edge.transport.frames import PING, close_frame, pong_frame, text_frame
from blackroad.edge.transport.handler import SocketHandler
from blackroad.edge.transport.inbox import TEXT, Inbox, Message, whole_frame
from blackroad.edge.transport.outlet import Outlet

if TYPE_CHECKING:
    from blackroad.edge.transport.process import Transport

LATE = 4408
BAD_TEXT = 1007
OUR_FAULT = 1011
NO_CODE = 1005

_logger = logging.getLogger(__name__)


class Socket(Outlet):
    """An accepted WebSocket; `WebSocketHandover.accept` makes it.

    It checks frames and UTF-8, answers pings, sends its own by the wheel, and ends itself with
    1002, 1007 or 1009 for what breaks RFC 6455 or the limit, 1011 where the handler raises, 4408
    without a pong in time, 4413 when a backlog stands still.
    """

    __slots__ = ("_awaits_pong", "_deaf", "_inbox", "_reader")

    def __init__(self, process: "Transport", transport: Wire, handler: SocketHandler) -> None:
        super().__init__(process, transport, handler)
        self._reader = handler
        self._inbox: Inbox | None = None
        self._awaits_pong = False
        self._deaf = False

    def send_text(self, payload: bytes) -> None:
        """Write one text message; the payload is UTF-8."""
        self.write(text_frame(payload))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """See `Outlet.close`. The peer's own close frame is awaited for `Limits.write_seconds`."""
        if self._end(code) and self._transport is not None:
            self._transport.write(close_frame(code, reason))
            self._cut_off_later()

    def beat(self) -> None:
        """Let the handler send its bookmark, then ping; a backlog has a deadline of its own."""
        if self.backlogged or self.closed:
            return
        self.handler.on_beat()
        self._awaits_pong = True
        self.write(PING)

    def expect_pong(self) -> None:
        """Close with 4408 where the last ping is unanswered; asked `Limits.pong_seconds` later."""
        if self._awaits_pong and not self.backlogged:
            self.close(LATE, "no pong")

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer: messages go to the handler, before this returns."""
        if self._deaf:
            return
        try:
            start = self._whole_frames(data) if self._inbox is None else 0
            if start < len(data):
                self._other_frames(data[start:])
        except ParseFailed as failure:
            self._fail(failure.code, str(failure))
        except UnicodeDecodeError:
            self._fail(BAD_TEXT, "not UTF-8")

    def _whole_frames(self, data: bytes) -> int:
        start = 0
        while (found := whole_frame(data, start)) is not None:
            first, payload, start = found
            if first != TEXT:
                self._awaits_pong = False
                continue
            if len(payload) > self._process.limits.message_bytes:
                raise ParseFailed("message too big", CloseReason.MESSAGE_TOO_BIG)
            if not payload.isascii():
                payload.decode()
            self._deliver(Opcode.TEXT, payload)
        return start

    def _other_frames(self, data: bytes) -> None:
        inbox = self._inbox or Inbox(self._process.limits.message_bytes)
        self._inbox = inbox
        for message in inbox.messages(data):
            self._take(message)
        if inbox.idle:
            self._inbox = None

    def _take(self, message: Message) -> None:
        opcode, payload = message
        if isinstance(payload, tuple):
            self._leave(*payload)
        elif opcode is Opcode.PING:
            if not self.backlogged:  # who does not read its pongs gets no more of them
                self.write(pong_frame(payload))
        elif opcode is Opcode.PONG:
            self._awaits_pong = False
        else:
            self._deliver(opcode, payload)

    def _deliver(self, opcode: Opcode, payload: bytes) -> None:
        if self.closed:
            return
        try:
            if opcode is Opcode.TEXT:
                self._reader.on_text(payload)
            else:
                self._reader.on_binary(payload)
        except Exception:  # a fault of ours ends this socket, and no other
            _logger.exception("a socket's handler failed")
            self.close(OUR_FAULT)

    def _leave(self, code: int, reason: str) -> None:
        """Answer the peer's close frame, or take it as the answer to ours; then TCP ends."""
        self._deaf = True
        if self._end(code) and self._transport is not None:
            self._transport.write(close_frame(code, reason))
        self._shut()

    def _fail(self, code: int, reason: str) -> None:
        """Tell a peer that breaks the rules, and listen no more.

        TCP is closed by the peer, or when the deadline passes: closed by us at once, with input
        unread, the kernel would send RST and the peer might never see the close frame.
        """
        self._deaf = True
        self._inbox = None
        if self._end(code) and self._transport is not None:
            self._transport.write(close_frame(code, reason))
        if self._transport is None:
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._cut_off_later()
        else:
            self._shut()
