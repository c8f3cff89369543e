"""A browser that invokes an agent by its WebSocket: raw bytes, and a clock."""

import socket
import time
import traceback
from typing import Final, cast

from benchmarks.calls.order import AGENT, PROMPT, Ask, Asked
from benchmarks.harness.measure import WrongCount
from benchmarks.harness.remote import Failure, Pipe
from benchmarks.harness.wire import Kind, hello, text_frame

WAIT_SECONDS: Final = 20.0
INVOKE: Final = text_frame(
    b'{"type":"agent.invoke","id":"1","agent":"%s","input":"%s"}'
    % (AGENT.encode(), PROMPT.encode())
)
READY: Final = b'"type":"subscribed"'
FIRST: Final = b'"delta":"%s"' % PROMPT.encode()
PING: Final = b"\x89\x00"  # the edge's are empty; in JSON there are no such bytes
PONG: Final = b"\x8a\x80\0\0\0\0"
LAST: Final = b'"status":"finished"'


def call(http_port: int, pipe: Pipe) -> None:
    """Ask one by one; each time is that to the first token."""
    with socket.create_connection(("127.0.0.1", http_port), WAIT_SECONDS) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.sendall(hello(Kind.WEBSOCKET, "asker", "bench"))
        _until(connected, b"", READY)
        while True:
            try:
                order = cast("Ask", pipe.recv())
            except EOFError:
                return
            pipe.send(_asked(connected, order))


def _asked(connected: socket.socket, order: Ask) -> Asked | Failure:
    try:
        return Asked([_ask(connected) for _ in range(order.calls)])
    except (OSError, WrongCount):
        return Failure(traceback.format_exc())


def _ask(connected: socket.socket) -> float:
    began = time.perf_counter()
    connected.sendall(INVOKE)
    heard = _until(connected, b"", FIRST)
    took = time.perf_counter() - began
    _until(connected, heard, LAST)
    return took


def _until(connected: socket.socket, heard: bytes, wanted: bytes) -> bytes:
    """Read until some bytes have come; return all."""
    while wanted not in heard:
        if b'"type":"error"' in heard or not (data := connected.recv(65536)):
            raise WrongCount(f"no {wanted!r} in {heard!r}")
        heard += data
        if PING in data:
            connected.sendall(PONG)
    return heard
