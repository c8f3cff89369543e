"""The way to the doors that stay open: sockets and streams of events, past the framework."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from blackroad.edge.chat.door import chat_socket
from blackroad.edge.context import Context
from blackroad.edge.identifiers import segment_of
from blackroad.edge.problems import no_such_method
from blackroad.edge.sse import door as sse
from blackroad.edge.transport import WebSocketHandover
from blackroad.edge.websocket import door as websocket

SOCKETS: Final = b"/ws/"
EVENTS: Final = b"/events/"
CHAT: Final = "/v1/chat/ws"


class Doors:
    """Serves what is connected to for long; all else is the app's. Plain ASGI.

    A client's id is one segment of the path as it was sent: a slash in it is `%2F`, and
    `/ws/ann/` is no address at all.
    """

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or hand it on."""
        if scope["type"] == "websocket":
            await self._socket(WebSocket(scope, receive, send))
        elif scope["type"] == "http":
            segment = segment_of(scope["raw_path"], EVENTS)
            if segment is None:
                await self._app(scope, receive, send)
            else:
                response = await self._events(Request(scope, receive), segment)
                await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _socket(self, socket: WebSocket) -> None:
        segment = segment_of(socket.scope["raw_path"], SOCKETS)
        if segment is not None:
            await websocket.accept(self._context, socket, segment)
        elif socket.scope["path"] == CHAT:
            await chat_socket(socket)
        else:
            WebSocketHandover.of(socket.scope).refuse(404)

    async def _events(self, request: Request, segment: bytes) -> Response:
        if request.method != "GET":
            return no_such_method("GET")
        return await sse.follow(self._context, request, segment)
