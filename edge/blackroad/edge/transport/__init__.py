"""The bytes of the edge: uvicorn's protocol class, slim sockets and streams, and their wheel.

How a door uses it:

- One `Transport` per process: `transport = Transport()`, and
  `uvicorn.Config(app, http=transport.http_protocol(), ws="none", …)`. Call `transport.start()` in
  the lifespan's beginning; on the drain signal `await transport.drain(farewell, seconds)`, then let
  uvicorn stop, which then ends at once; `transport.close()` last.
- WebSocket: in a websocket route, `handover = WebSocketHandover.of(websocket.scope)`, decide, then
  either `socket = handover.accept(handler, subprotocol="blackroad.v1")` or `handover.refuse(403,
  b"…")`, and return. Both are synchronous. Do not call Starlette's `websocket.accept()`.
- SSE: `stream = SseStream(transport, handler)`; write to it at will (before it is open, blocks
  wait); return `stream.response(headers)` from the route: a Starlette `Response`. Middlewares
  between must be plain ASGI ones that hand `send` on (no `BaseHTTPMiddleware`, no compression).
- `limit_body(request.scope, n)` before the body is read; above it the peer gets 413 and is closed,
  and whoever reads the body Starlette's `ClientDisconnect`: have an exception handler for it, or
  every such request logs a traceback.
- `text_frame(payload)` is the wire form of one server text message; several may be joined and given
  to `Socket.write` at once.
"""

from blackroad.edge.transport.deflate import deflated_frame
from blackroad.edge.transport.frames import text_frame
from blackroad.edge.transport.handler import SocketHandler, StreamHandler
from blackroad.edge.transport.handover import WebSocketHandover
from blackroad.edge.transport.http import limit_body
from blackroad.edge.transport.limits import Limits
from blackroad.edge.transport.process import Transport
from blackroad.edge.transport.socket import Socket
from blackroad.edge.transport.sse import SseStream

__all__ = [
    "Limits",
    "Socket",
    "SocketHandler",
    "SseStream",
    "StreamHandler",
    "Transport",
    "WebSocketHandover",
    "deflated_frame",
    "limit_body",
    "text_frame",
]
