"""A stream of server-sent events after its head: blocks out, nothing in, no task of its own."""

from asyncio import Transport as Wire
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from blackroad.edge.transport.handler import StreamHandler
from blackroad.edge.transport.http import connection_of
from blackroad.edge.transport.outlet import LOST, SLOW_CONSUMER, Outlet

if TYPE_CHECKING:
    from blackroad.edge.transport.process import Transport

NORMAL: Final = 1000
COMMENT: Final = b":\n\n"
_EARLY_LIMIT: Final = 1 << 20
_UNREAD_LIMIT: Final = 1 << 16
"""What a peer may send after its request; nobody reads it."""
_HEAD: Final = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
)


class SseStream(Outlet):
    """One response of `text/event-stream`, ended by closing the connection.

    A route makes it, writes what it likes, and returns `stream.response()`. Until the head is out,
    blocks wait (at most 1 MiB and the largest) and `backlogged` is true, without a call of
    `on_backlog`. It is not chunked, so that receivers share bytes; HTTP/1.0 sees the same. A HEAD
    request gets the head only and `on_close(1000)`.
    """

    __slots__ = ("_early", "_unread")

    def __init__(self, process: "Transport", handler: StreamHandler) -> None:
        super().__init__(process, None, handler)
        self._early: list[bytes] | None = []
        self._unread = 0

    def response(self, headers: Iterable[tuple[str, str]] = ()) -> Response:
        """Return what the route returns: a response that opens this stream. Use it once."""
        return _SseResponse(self, headers)

    @property
    def backlogged(self) -> bool:
        """Say whether bytes wait in this process: not yet opened, or the peer reads slowly."""
        return self._early is not None or super().backlogged

    def write(self, data: bytes) -> None:
        """See `Outlet.write`; before the head is out it waits for it."""
        if self._early is None:
            super().write(data)
        elif not self.closed:
            self._early.append(data)
            sizes = [len(each) for each in self._early]
            if sum(sizes) - max(sizes) > _EARLY_LIMIT:
                self.close(SLOW_CONSUMER)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """See `Outlet.close`; the code is for `on_close` only. It may come before the head."""
        self._end(code)
        self._shut()

    def beat(self) -> None:
        """Let the handler send its bookmark, then a comment."""
        if not self.backlogged and not self.closed:
            self.handler.on_beat()
            self.write(COMMENT)

    def open(self, transport: Wire) -> None:
        """Take over the connection, whose head is written: what waited goes out."""
        early, self._early = self._early or [], None
        self._transport = transport
        if early:
            transport.write(b"".join(early))
        if self.closed:
            self._shut()
        elif not super().backlogged:
            self.handler.on_backlog(False)

    def refuse_unless_open(self, code: int) -> None:
        """End it, if it has no connection: the peer had gone, or asked for the head only."""
        if self._early is not None:
            self._early = None
            self._end(code)

    def data_received(self, data: bytes) -> None:
        """Count what nobody reads; too much of it ends the stream."""
        self._unread += len(data)
        if self._unread > _UNREAD_LIMIT:
            self.abort()


class _SseResponse(Response):
    def __init__(self, stream: SseStream, headers: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self._stream = stream
        del self.headers["content-length"]
        for name, value in (*_HEAD, *headers):
            self.headers.append(name, value)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream, connection = self._stream, connection_of(scope)
        try:
            await connection.send_head(self.raw_headers, send)
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body"})
                stream.refuse_unless_open(NORMAL)
            else:
                connection.hand_over_stream(stream)
        finally:
            stream.refuse_unless_open(LOST)
