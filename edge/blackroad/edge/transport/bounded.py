"""uvicorn's HTTP protocol with the bounds that it lacks."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from blackroad.edge.transport.handler import Visit
from blackroad.edge.transport.refusal import Headers, refusal
from blackroad.edge.transport.unread import unread_bytes

if TYPE_CHECKING:
    from blackroad.edge.transport.process import Transport

_LINGER_SECONDS = 2.0
_FRAMING_ALLOWANCE = 1 << 16
"""Chunk sizes, extensions and trailers that a body may have beside 8 bytes for each of its own."""


class _LimitError(Exception):
    """Stops the parser in the middle of what it was fed."""


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose heads come in time and are of bounded size, and so are its bodies.

    What breaks a bound is answered with 400, 408, 413 or 431 and a problem document, if no answer
    has begun; then the connection ends. A response that the peer does not read ends it after
    `Limits.write_seconds`.
    """

    process: ClassVar["Transport"]

    visit: Visit | None = None
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
    _body_seen = 0
    _body_ends_at = 0.0

    # Bytes in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a head."""
        super().connection_made(cast("asyncio.Transport", transport))
        # Whatever waits here has a deadline, also while the connection is being closed.
        self.transport.set_write_buffer_limits(high=1 if self.scheme == "https" else 0, low=0)
        self._wait(self.process.limits.head_seconds, self._late)
        admission = self.process.admission
        if admission is not None and self.client is not None:
            self.visit = admission.visit(self.client[0])
            if self.visit.refused_seconds:
                self.refuse(429, headers=[(b"retry-after", b"1")])

    def connection_lost(self, exc: Exception | None) -> None:
        """End whatever waits."""
        if self.visit is not None:
            self.visit.end()
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
                self.on_upgrade(data[int(upgrade.args[0]) :])
        except httptools.HttpParserError:
            self.refuse(self._status)
        else:
            self._check_fed()

    def on_upgrade(self, early: bytes) -> None:
        """Take a head that asks for a WebSocket, and what came after it."""
        raise NotImplementedError

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
            self._body_ends_at = self.loop.time() + self.process.limits.body_seconds
            self._await_body()
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

    # Ends

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

    @property
    def busy(self) -> bool:
        """Say whether a response is under way."""
        cycle = cast("_Cycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    @property
    def lost(self) -> bool:
        """Say whether there is nobody to answer any more."""
        return self._refused or self.transport.is_closing()

    # Deadlines

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _await_body(self) -> None:
        """Look again soon whether the body comes fast enough."""
        left = self._body_ends_at - self.loop.time()
        self._body_seen = self._body_bytes
        if left > 0:
            self._wait(min(left, self.process.limits.body_pace_seconds), self._check_body)
        else:
            self._late()

    def _check_body(self) -> None:
        if self._body_bytes - self._body_seen < self.process.limits.body_bytes_per_pace:
            self._late()
        else:
            self._await_body()

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
            self._watch_reader(unread_bytes(self.transport))

    def resume_writing(self) -> None:
        """Hear that it caught up."""
        self._read_again()
        super().resume_writing()

    def _watch_reader(self, before: int) -> None:
        seconds = self.process.limits.write_seconds
        self._reader_deadline = self.loop.call_later(seconds, self._check_reader, before)

    def _check_reader(self, before: int) -> None:
        left = unread_bytes(self.transport)
        if before - left < self.process.limits.progress_bytes:
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
