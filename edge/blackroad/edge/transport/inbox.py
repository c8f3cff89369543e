"""Frames that come in: a short way for whole ones, wsproto for everything else."""

from collections.abc import Iterator
from typing import Final

from wsproto.frame_protocol import CloseReason, FrameProtocol, Opcode, ParseFailed

from blackroad.edge.transport.deflate import Inflate

TEXT: Final = 0x81
"""First byte of a whole, unfragmented text frame."""
PONG: Final = 0x8A
_MASKED = 0x80
_MEDIUM = 126
_LONG = 127
_PONG_LIMIT = 125

Message = tuple[Opcode, bytes | tuple[int, str]]
"""What came: the payload, or code and reason where it is a close."""


def whole_frame(data: bytes, start: int) -> tuple[int, bytes, int] | None:
    """Return first byte, payload and end of the frame at `start`; None: leave it to `Inbox`.

    It knows only masked text and pong frames, unfragmented, shortest length form, all there.
    """
    if len(data) - start < 6:
        return None
    first, second = data[start], data[start + 1]
    size = second - _MASKED
    if size < 0 or (first != TEXT and first != PONG):
        return None
    at = start + 2
    if size >= _MEDIUM:
        if size == _LONG or first == PONG:
            return None
        size = int.from_bytes(data[at : at + 2], "big")
        if size < _MEDIUM:
            return None
        at += 2
    end = at + 4 + size
    if end > len(data):
        return None
    return first, _unmask(data[at : at + 4], data[at + 4 : end]), end


def _unmask(key: bytes, payload: bytes) -> bytes:
    size = len(payload)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(payload, "big") ^ mask).to_bytes(size, "big")


class Inbox(FrameProtocol):
    """What is not a whole frame: fragments, halves, controls, and everything that is wrong.

    Made when the first such byte comes and dropped when it is `idle`, so that an ordinary socket
    has none.
    """

    def __init__(self, limit: int, *, inflates: bool = False) -> None:
        super().__init__(client=False, extensions=[Inflate(limit)] if inflates else [])
        self._limit = limit
        self._message = bytearray()

    @property
    def idle(self) -> bool:
        """Say whether nothing is half received."""
        frames = self._frame_decoder
        return (
            not len(frames.buffer)
            and frames.header is None
            and self._message_decoder.opcode is None
        )

    def messages(self, data: bytes) -> Iterator[Message]:
        """Yield what is whole now.

        Raises `ParseFailed`, whose code is the close code: 1002, 1007, or 1009 as soon as a length
        is announced that is beyond the limit.
        """
        self.receive_bytes(data)
        for frame in self.received_frames():
            if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
                yield from self._data(frame.opcode, frame.payload, frame.message_finished)
            else:
                payload = frame.payload
                yield frame.opcode, payload.encode() if isinstance(payload, str) else payload
        header = self._frame_decoder.header
        if header is not None and len(self._message) + header.payload_len > self._room(
            header.payload_len
        ):
            raise ParseFailed("message too big", CloseReason.MESSAGE_TOO_BIG)

    def _room(self, announced: int) -> int:
        """Return the limit, raised by what the message already holds of the announced frame."""
        return self._limit + min(self._frame_decoder.payload_consumed, announced)

    def _data(
        self, opcode: Opcode, payload: bytes | str | tuple[int, str], finished: bool
    ) -> Iterator[Message]:
        if isinstance(payload, tuple):
            raise TypeError("only a close frame has a tuple")
        self._message += payload.encode() if isinstance(payload, str) else payload
        if len(self._message) > self._limit:
            raise ParseFailed("message too big", CloseReason.MESSAGE_TOO_BIG)
        if finished:
            message = bytes(self._message)
            self._message = bytearray()
            yield opcode, message
