"""A WebSocket after its handshake: frames in, bytes out, and nothing else per connection."""

import asyncio
import logging
from asyncio import Transport as Wire
from typing import TYPE_CHECKING

from wsproto.frame_protocol import CloseReason, Opcode, ParseFailed

from blackroad.edge.transport.deflate import deflated_frame
from blackroad.edge.transport.frames import PING, close_frame, pong_frame, text_frame
from blackroad.edge.transport.handler import GONE, SocketHandler
from blackroad.edge.transport.inbox import TEXT, Inbox, Message, whole_frame
from blackroad.edge.transport.outlet import Outlet

if TYPE_CHECKING:
    from blackroad.edge.transport.process import Transport

LATE = 4408
BAD_TEXT = 1007
OUR_FAULT = 1011
NO_CODE = 1005
_TURN_MESSAGES = 256
"""How many frames are taken at once, so that no socket holds the loop from its neighbours."""

_INFLATED_UNIT = 4096

_logger = logging.getLogger(__name__)


class Socket(Outlet):
    """An accepted WebSocket; `WebSocketHandover.accept` makes it.

    It checks frames and UTF-8, answers pings, sends its own by the wheel, and ends itself with
    1002, 1007 or 1009 for what breaks RFC 6455 or the limit, 1011 where the handler raises, 4408
    without a pong in time, 4413 when a backlog stands still.
    """

    __slots__ = (
        "_awaits_pong", "_deaf", "_inbox", "_reader", "_rest", "_spent", "_tick", "deflates",
    )  # fmt: skip

    def __init__(
        self, process: "Transport", transport: Wire, handler: SocketHandler, *, deflates: bool
    ) -> None:
        super().__init__(process, transport, handler)
        self.deflates = deflates
        self._reader: SocketHandler = handler
        self._inbox: Inbox | None = None
        self._awaits_pong = False
        self._deaf = False
        self._rest: bytes | None = None
        self._tick = 0
        self._spent = 0  # bytes of this tick, and what its messages count as bytes

    def send_text(self, payload: bytes) -> None:
        """Write one text message; the payload is UTF-8."""
        self.write(self.framed(payload))

    def framed(self, payload: bytes) -> bytes:
        """Return the wire form of a text message, compressed where that was agreed on."""
        return deflated_frame(payload) if self.deflates else text_frame(payload)

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
        if self._awaits_pong and not self.backlogged and self._rest is None:
            self.close(LATE, "no pong")

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer: messages go to the handler, before this returns.

        What is too much for one turn of the loop waits for the next, what is too much for a second
        for the next tick; meanwhile nothing is read.
        """
        if self._deaf:
            return
        if self._rest is not None:
            self._rest += data
            return
        if self._tick != self._process.ticks:
            self._tick, self._spent = self._process.ticks, 0
        self._spent += len(data)
        self._take_in(data)

    def go_on(self) -> None:
        """Take what had to wait."""
        if self._rest is None or self._deaf:
            return
        rest, self._rest = self._rest, None
        if self._tick != self._process.ticks:
            self._tick, self._spent = self._process.ticks, 0
        done = self._take_in(rest)
        if done and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _take_in(self, data: bytes) -> bool:
        """Take frames; answer whether that is all for now, so that reading may go on."""
        limits = self._process.limits
        taken = start = 0
        try:
            if self._inbox is None:
                taken, start = self._whole_frames(data)
            if taken < _TURN_MESSAGES and (start < len(data) or self._inbox is not None):
                taken += self._other_frames(data[start:], _TURN_MESSAGES - taken)
                start = len(data)
        except ParseFailed as failure:
            self._fail(failure.code, str(failure))
            return True
        except UnicodeDecodeError:
            self._fail(BAD_TEXT, "not UTF-8")
            return True
        cost = limits.bytes_per_second // limits.messages_per_second
        self._spent += taken * cost
        late = self._spent >= limits.bytes_per_second
        done = self._deaf or not (late or taken >= _TURN_MESSAGES)
        if not done:
            self._wait(data[start:], late)
        return done

    def _wait(self, rest: bytes, late: bool) -> None:
        self._rest = rest
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        if late:
            self._process.hold(self)
        else:
            asyncio.get_running_loop().call_soon(self.go_on)

    def _whole_frames(self, data: bytes) -> tuple[int, int]:
        """Take the whole frames at the beginning; return how many, and where they end."""
        taken = start = 0
        while taken < _TURN_MESSAGES and (found := whole_frame(data, start)) is not None:
            taken += 1
            first, payload, start = found
            if first != TEXT:
                self._awaits_pong = False
                continue
            if len(payload) > self._process.limits.message_bytes:
                raise ParseFailed("message too big", CloseReason.MESSAGE_TOO_BIG)
            if not payload.isascii():
                payload.decode()
            self._deliver(Opcode.TEXT, payload)
        return taken, start

    def _other_frames(self, data: bytes, most: int) -> int:
        """Take up to so many frames of any kind; return how many. What is left stays inside."""
        taken = 0
        limit = self._process.limits.message_bytes
        inbox = self._inbox or Inbox(limit, inflates=self.deflates)
        self._inbox = inbox
        for message in inbox.messages(data):
            self._take(message)
            # What a compressed message becomes costs as much as many small ones.
            taken += 1 + (len(message[1]) // _INFLATED_UNIT if self.deflates else 0)
            if taken >= most:
                return taken
        if inbox.idle:
            self._inbox = None
        return taken

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

    def _end(self, code: int) -> bool:
        self._reader = GONE
        return super()._end(code)

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
