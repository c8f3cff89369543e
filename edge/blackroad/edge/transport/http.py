"""The two ways out of an HTTP connection: it becomes a socket or a stream."""

import asyncio
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote

import httptools
from starlette.types import ASGIApp, Scope, Send

from blackroad.edge.transport.bounded import BoundedProtocol
from blackroad.edge.transport.handover import WebSocketHandover

if TYPE_CHECKING:
    from blackroad.edge.transport.socket import Socket
    from blackroad.edge.transport.sse import SseStream

EXTENSION = "blackroad.connection"
VISIT = "blackroad.visit"
"""Under which name a request's scope has its connection's visit."""


class HttpProtocol(BoundedProtocol):
    """One connection until it is handed over. Use the class that `Transport.http_protocol()` gives.

    In the scope of a request it rides as an extension, for `connection_of`.
    """

    def on_message_begin(self) -> None:
        """Begin a request, which can find this connection."""
        super().on_message_begin()
        _extensions(self.scope)[EXTENSION] = self
        if self.visit is not None:
            cast("MutableMapping[str, object]", self.scope)[VISIT] = self.visit

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
        if self.visit is not None and self.visit.counted:
            heir.visit = self.visit
        self.transport.set_protocol(heir)
        self.process.adopt(heir)
        # a TLS transport compares with "at least", a plain one with "more than"
        self.transport.set_write_buffer_limits(high=1 if self.scheme == "https" else 0, low=0)
        del self.parser

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

    def on_upgrade(self, early: bytes) -> None:
        """Let the app decide about a socket; until then nothing more is read."""
        self._stop_waiting()
        if self.busy:
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
