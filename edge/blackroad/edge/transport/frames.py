"""The wire form of what the server sends: the one place where a WebSocket frame is built."""

from wsproto.frame_protocol import FrameProtocol

_LONGEST_SHORT = 125
_LONGEST_MEDIUM = 0xFFFF


def text_frame(payload: bytes) -> bytes:
    """Return a final, unmasked text frame (RFC 6455, 5.2); the caller vouches for the UTF-8."""
    size = len(payload)
    if size <= _LONGEST_SHORT:
        return b"\x81%c%b" % (size, payload)
    if size <= _LONGEST_MEDIUM:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; a reason of more than 123 bytes is cut at a character."""
    return bytes(_serializer().close(code, reason))


def pong_frame(payload: bytes) -> bytes:
    """Return the answer to a ping."""
    return bytes(_serializer().pong(payload))


def _serializer() -> FrameProtocol:
    return FrameProtocol(client=False, extensions=[])


PING = bytes(_serializer().ping())
