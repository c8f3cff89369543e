"""uvicorn's HTTP protocol with the bounds that it lacks, and its two ways out: socket, stream."""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, ClassVar, Protocol, cast
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from blackroad.edge.transport.handover import WebSocketHandover
from blackroad.edge.transport.refusal import Headers, refusal

if TYPE_CHECKING:
    from blackroad.edge.transport.process import Transport
    from blackroad.edge.transport.socket import Socket
    from blackroad.edge.transport.sse import SseStream

EXTENSION = "blackroad.connection"
_LINGER_SECONDS = 2.0
_FRAMING_ALLOWANCE = 1 << 16
"""Chunk sizes, extensions and trailers that a body may have beside 8 bytes for each of its own."""


class _LimitError(Exception):
    """Stops the parser in the middle of what it was fed."""


class HttpProtocol(HttpToolsProtocol):
    """One connection until it is handed over: a head in time and of bounded size, a bounded body.

    What breaks a bound is answered with 400, 408, 413 or 431 and a problem document, if no answer
    has begun; then the connection ends. A response that the peer does not read ends it after
    `Limits.write_seconds`. Use the class that `Transport.http_protocol()` gives.
    """

    process: ClassVar["Transport"]

    _deadline: asyncio.TimerHandle | None = None
    _reader_deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _begun = False
    _refused = False
    _status = 400
    _fed_bytes = 0
    _head_bytes = 0
    _fields = 0
    _body_bytes = 0
    _body_limit = 0

    # Bytes in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a head."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._wait(self.process.limits.head_seconds, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """End whatever waits."""
        self._stop_waiting()
        self._read_again()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the connection is already refused."""
        if self._refused or (not self._expecting and not data.strip(b"\r\n")):
            return
        self._unset_keepalive_if_required()
        self._fed_bytes += len(data)
        if self.parser is None:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._shake_hands(data[int(upgrade.args[0]) :])
        except httptools.HttpParserError:
            self.refuse(self._status)
        else:
            self._check_fed()

    def eof_received(self) -> None:
        """Let the transport close: a peer that sends no more gets no more."""

    @property
    def _expecting(self) -> bool:
        """Say whether a head or a body is under way, or awaited for the first time."""
        return self._deadline is not None

    def _check_fed(self) -> None:
        """Bound what the parser keeps to itself: one endless field, chunk extensions, trailers."""
        if self._in_head:
            if self._fed_bytes > self.process.limits.head_bytes:
                self.refuse(431)
        elif self._fed_bytes > _FRAMING_ALLOWANCE + 9 * self._body_bytes + self._head_bytes:
            self.refuse(400)

    # What the parser found

    def on_message_begin(self) -> None:
        """Begin a request: nothing is counted yet."""
        super().on_message_begin()
        limits = self.process.limits
        self._in_head = self._begun = True
        self._fed_bytes = self._head_bytes = self._fields = self._body_bytes = 0
        self._body_limit = limits.body_bytes
        _extensions(self.scope)[EXTENSION] = self
        if not self._expecting:
            self._wait(limits.head_seconds, self._late)

    def on_url(self, url: bytes) -> None:
        """Count the target."""
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a field, of the head or of the trailers."""
        self._fields += 1
        self._count_head(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the app have the request, if its body may be as long as it says."""
        self._in_head = False
        self._stop_waiting()
        if self._declared_bytes > self._body_limit:
            self._stop(413)
        if self._has_body:
            self._wait(self.process.limits.body_seconds, self._late)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count a piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._body_limit:
            self._stop(413)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing more."""
        self._begun = False
        self._stop_waiting()
        super().on_message_complete()

    def _count_head(self, size: int) -> None:
        limits = self.process.limits
        self._head_bytes += size
        if self._head_bytes > limits.head_bytes or self._fields > limits.head_fields:
            self._stop(431)

    def _stop(self, status: int) -> None:
        self._status = status
        raise _LimitError

    @property
    def _declared_bytes(self) -> int:
        value = self._field(b"content-length")
        return int(value) if value.isdigit() else 0

    @property
    def _has_body(self) -> bool:
        return self._declared_bytes > 0 or bool(self._field(b"transfer-encoding"))

    def _field(self, name: bytes) -> bytes:
        return next((value for key, value in self.headers if key == name), b"")

    # Ways out

    def refuse(self, status: int, body: bytes | None = None, headers: Headers = ()) -> None:
        """Answer with a status, where no answer has begun, and end the connection; idempotent.

        What the peer still sends is thrown away for two seconds: a connection that is closed with
        input unread loses the answer.
        """
        if self._refused or self.transport.is_closing():
            return
        response = refusal(status, body, headers)
        self._refused = True
        self._stop_waiting()
        self.pipeline.clear()
        begun = self._end_cycle()
        if begun or not self.transport.can_write_eof():
            if not begun:
                self.transport.write(response)
            self.transport.close()
            return
        self.transport.write(response)
        self.transport.write_eof()
        self.flow.resume_reading()
        self._wait(_LINGER_SECONDS, self.transport.abort)

    def _end_cycle(self) -> bool:
        """Tell the app that the peer has gone; return whether it has begun to answer."""
        cycle = cast("_Cycle | None", self.cycle)
        if cycle is None or cycle.response_complete:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return cycle.response_started

    def limit_body(self, limit: int) -> None:
        """Lower the bound of the request that is being read."""
        self._body_limit = min(limit, self._body_limit)
        if self._declared_bytes > self._body_limit or self._body_bytes > self._body_limit:
            self.refuse(413)

    async def send_head(self, headers: list[tuple[bytes, bytes]], send: Send) -> None:
        """Begin a response of 200 that is ended by closing, by way of whatever wraps `send`."""
        self.cycle.keep_alive = False
        self.cycle.chunked_encoding = False
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    def hand_over_stream(self, stream: "SseStream") -> None:
        """Give the connection to a stream whose head is written; uvicorn is done with it.

        Raises RuntimeError where a middleware holds the head back.
        """
        if not self.cycle.response_started and not self.cycle.disconnected:
            raise RuntimeError("a middleware holds the head of a stream back")
        if self.transport.is_closing():
            return
        self.cycle.response_complete = True
        self.cycle.message_event.set()
        self._release(stream)
        stream.open(self.transport)

    def hand_over_socket(self, socket: "Socket", response: bytes, early: bytes) -> None:
        """Give the connection to a socket, after the response that ends the handshake."""
        self.transport.write(response)
        self._release(socket)
        self.flow.pause_reading()
        self.loop.call_soon(_begin, self.transport, socket, early)

    def _release(self, heir: "Socket | SseStream") -> None:
        """Leave nothing of this object behind."""
        self._stop_waiting()
        self._read_again()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.connections.discard(self)
        self.server_state.total_requests += 1
        _extensions(self.scope).pop(EXTENSION, None)
        self.transport.set_protocol(heir)
        self.process.adopt(heir)
        # a TLS transport compares with "at least", a plain one with "more than"
        self.transport.set_write_buffer_limits(high=1 if self.scheme == "https" else 0, low=0)
        del self.parser

    @property
    def lost(self) -> bool:
        """Say whether there is nobody to answer any more."""
        return self._refused or self.transport.is_closing()

    # The WebSocket handshake

    def websocket_scope(self) -> Scope:
        """Return the ASGI scope of the handshake that was parsed."""
        url = httptools.parse_url(self.url)
        path = (url.path or b"/").decode("ascii")
        scope = cast("MutableMapping[str, object]", dict(self.scope))
        del scope["method"]
        scope["type"] = "websocket"
        scope["scheme"] = "wss" if self.scheme == "https" else "ws"
        scope["path"] = self.root_path + unquote(path)
        scope["raw_path"] = self.root_path.encode("ascii") + (url.path or b"/")
        scope["query_string"] = url.query or b""
        return scope

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def _shake_hands(self, early: bytes) -> None:
        """Let the app decide about a socket; until then nothing more is read."""
        self._stop_waiting()
        cycle = cast("_Cycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            self.refuse(400)
            return
        handover = WebSocketHandover.begin(self, early)
        if handover is None:
            return
        self.flow.pause_reading()
        self._wait(self.process.limits.handshake_seconds, lambda: self.refuse(408))
        task = self.loop.create_task(handover.run(cast("ASGIApp", self.app)))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    # Deadlines

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self._begun:
            self.refuse(408)
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """Hear that the peer reads slowly."""
        super().pause_writing()
        if self._reader_deadline is None:
            self._watch_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Hear that it caught up."""
        self._read_again()
        super().resume_writing()

    def _watch_reader(self, before: int) -> None:
        seconds = self.process.limits.write_seconds
        self._reader_deadline = self.loop.call_later(seconds, self._check_reader, before)

    def _check_reader(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left >= before:
            self.transport.abort()
        else:
            self._watch_reader(left)

    def _read_again(self) -> None:
        if self._reader_deadline is not None:
            self._reader_deadline.cancel()
            self._reader_deadline = None


class _Cycle(Protocol):
    """What is used of uvicorn's cycle, which may be None against its own type."""

    disconnected: bool
    response_started: bool
    response_complete: bool
    message_event: asyncio.Event


def _begin(transport: asyncio.Transport, socket: "Socket", early: bytes) -> None:
    """Replay what came with the handshake, then read on; by now the door has stored its socket."""
    if early:
        socket.data_received(early)
    if not transport.is_closing():
        transport.resume_reading()


def _extensions(scope: object) -> MutableMapping[str, object]:
    """Return the scope's extensions, where our own ride."""
    mapping = cast("MutableMapping[str, MutableMapping[str, object]]", scope)
    return mapping.setdefault("extensions", {})


def connection_of(scope: Scope) -> HttpProtocol:
    """Return the connection of a request. Raises TypeError where the server is not ours."""
    found = _extensions(scope).get(EXTENSION)
    if not isinstance(found, HttpProtocol):
        raise TypeError("serve the app with Transport.http_protocol()")
    return found


def limit_body(scope: Scope, limit: int) -> None:
    """Lower the bound of a request's body: above it, 413, and `http.disconnect` for the app.

    Call it before the body is read.
    """
    connection_of(scope).limit_body(limit)
