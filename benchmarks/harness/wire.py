"""What a browser's connection carries, as bytes: handshakes out, events in, parsed once each."""

import itertools
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.harness.measure import WrongCount

NUMBER: Final = re.compile(rb'"n":\s?(\d+),\s?"t":\s?(\d+)')
READY: Final = re.compile(rb'"subscribed"|event: connected')
MEMORY: Final = 256
_MASK: Final = b"\0\0\0\0"
_REPLIES: Final = {b"0": b"40", b"2": b"3"}
"""What socket.io wants to hear: after its first packet 'connect', after a ping its pong."""


class Kind(StrEnum):
    """How a reader connects."""

    WEBSOCKET = "websocket"
    SSE = "sse"
    SOCKETIO = "socketio"


@dataclass(frozen=True, slots=True)
class Piece:
    """What a run of whole messages holds: contiguous event numbers, or none; and how long it is."""

    length: int
    first: int
    count: int
    times: tuple[int, ...]
    ready: bool
    reply: bytes


class Parser:
    """Takes messages apart, each distinct run of bytes once: sockets in step share the work."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._known: dict[bytes, Piece] = {}

    def parse(self, data: bytes) -> Piece:
        """Return what the whole messages at the front of the data say.

        Raises `WrongCount` where their events are not neighbours.
        """
        piece = self._known.get(data)
        if piece is None:
            if len(self._known) >= MEMORY:
                self._known.clear()
            piece = self._known[data] = self._parsed(data)
        return piece

    def _parsed(self, data: bytes) -> Piece:
        split = _blocks if self._kind is Kind.SSE else _frames
        messages, length = split(data)
        numbers: list[int] = []
        times: list[int] = []
        ready = False
        reply = b""
        for opcode, message in messages:
            if found := NUMBER.search(message):
                numbers.append(int(found[1]))
                times.append(int(found[2]))
            elif opcode == _PING:
                reply += _frame(_PONG, message)
            elif self._kind is Kind.SOCKETIO and message[:1] in _REPLIES:
                reply += text_frame(_REPLIES[message[:1]])
            elif opcode == _CLOSE:
                raise WrongCount(f"closed: {message!r}")
            else:
                ready = ready or READY.search(message) is not None
        first = numbers[0] if numbers else 0
        if numbers != list(range(first, first + len(numbers))):
            wrong = [pair for pair in itertools.pairwise(numbers) if pair[1] != pair[0] + 1]
            raise WrongCount(f"not neighbours in one read: {wrong[:8]}")
        return Piece(length, first, len(numbers), tuple(times), ready, reply)


_TEXT: Final = 1
_CLOSE: Final = 8
_PING: Final = 9
_PONG: Final = 10


def _frames(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Return the whole WebSocket frames, each with its opcode, and where they end."""
    frames: list[tuple[int, bytes]] = []
    start = 0
    while len(data) - start >= 2:
        size, body = data[start + 1] & 127, start + 2
        if size == 126:
            size, body = int.from_bytes(data[start + 2 : start + 4], "big"), start + 4
        elif size == 127:
            size, body = int.from_bytes(data[start + 2 : start + 10], "big"), start + 10
        if len(data) < body + size:
            break
        frames.append((data[start] & 15, data[body : body + size]))
        start = body + size
    return frames, start


def _blocks(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Return the whole SSE blocks, and where they end."""
    end = data.rfind(b"\n\n") + 2
    if end < 2:
        return [], 0
    return [(_TEXT, block) for block in data[: end - 2].split(b"\n\n")], end


def text_frame(text: bytes) -> bytes:
    """Return a client's text frame."""
    return _frame(_TEXT, text)


def _frame(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame, masked by zeros, which leave it readable."""
    size = len(payload)
    head = bytes([128 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([128 | opcode]) + head + _MASK + payload


def hello(kind: Kind, client: str, room: str) -> bytes:
    """Return all that a client says to follow a room; the first answer is the handshake's."""
    if kind is Kind.SSE:
        return _request(f"/events/{client}?channels={room}", "Accept: text/event-stream\r\n")
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    if kind is Kind.SOCKETIO:
        path = "/socket.io/?EIO=4&transport=websocket"
        return _request(path, upgrade)
    subscribe = b'{"type":"subscribe","room":"%s"}' % room.encode()
    return _request(f"/ws/{client}", upgrade) + text_frame(subscribe)


def _request(path: str, headers: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()
