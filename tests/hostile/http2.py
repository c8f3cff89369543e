"""HTTP/2 frames by hand, since no library makes the wrong ones."""

import asyncio
import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0x0, 0x1, 0x3, 0x4, 0x6, 0x9
END_HEADERS: Final = 0x4
CANCEL: Final = 8


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame."""
    head = struct.pack("!BHBBL", len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream)
    return head + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """Return a header field that is not indexed; both shorter than 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def call(path: bytes) -> bytes:
    """Return the header block of a gRPC call."""
    fields = ((b":path", path), (b":authority", b"localhost"), (b"te", b"trailers"))
    more = _literal(b"content-type", b"application/grpc")
    return b"\x83\x86" + b"".join(_literal(name, value) for name, value in fields) + more


async def begin(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection and say what begins it."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(PREFACE + frame(SETTINGS, 0, 0))
    return reader, writer


async def swallow(reader: asyncio.StreamReader) -> None:
    """Read until the other side ends it."""
    try:
        while await reader.read(1 << 16):
            pass
    except ConnectionError:
        pass
