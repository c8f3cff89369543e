"""A real server around the transport, and handlers that write down what they hear."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from blackroad.edge.transport import (
    Limits,
    Socket,
    SseStream,
    Transport,
    WebSocketHandover,
    limit_body,
    text_frame,
)


class Peer:
    """One handler for either kind: keeps what it hears, echoes what it is told."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.backlogs: list[bool] = []
        self.beats = 0
        self.codes: list[int] = []
        self.outlet: Socket | SseStream | None = None
        self.tell_backlog: Callable[[bool], None] | None = None

    @property
    def socket(self) -> Socket:
        assert isinstance(self.outlet, Socket)
        return self.outlet

    @property
    def stream(self) -> SseStream:
        assert isinstance(self.outlet, SseStream)
        return self.outlet

    def on_text(self, payload: bytes, /) -> None:
        self.texts.append(payload)
        if payload == b"raise":
            raise ValueError("as asked")
        self.socket.send_text(payload)

    def on_binary(self, payload: bytes, /) -> None:
        self.socket.write(b"\x82" + text_frame(payload)[1:])

    def on_backlog(self, waiting: bool, /) -> None:
        self.backlogs.append(waiting)
        if self.tell_backlog is not None:
            self.tell_backlog(waiting)

    def on_beat(self) -> None:
        self.beats += 1

    def on_close(self, code: int, /) -> None:
        self.codes.append(code)


@dataclass
class Server:
    """The server, and what came to it, in order."""

    transport: Transport
    uvicorn: uvicorn.Server
    port: int
    peers: list[Peer] = field(default_factory=list[Peer])

    async def peer(self, number: int = -1) -> Peer:
        """Wait for a peer that has come."""
        await until(lambda: len(self.peers) > max(number, 0))
        return self.peers[number]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a plain TCP connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, request: bytes) -> bytes:
        """Send bytes on a connection of its own; return all that comes until it ends."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            return await asyncio.wait_for(reader.read(), 15)
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - no event tells of what another process did
            await asyncio.sleep(0.005)


def app(server: Callable[[], Server]) -> Starlette:
    """Return an app with a route for everything that the transport does."""

    async def ws(websocket: WebSocket) -> None:
        peer = Peer()
        handover = WebSocketHandover.of(websocket.scope)
        offered: list[str] = websocket.scope["subprotocols"]
        chosen = "blackroad.v1" if "blackroad.v1" in offered else ""
        peer.outlet = handover.accept(peer, chosen)
        server().peers.append(peer)

    async def foreign(websocket: WebSocket) -> None:
        WebSocketHandover.of(websocket.scope).refuse(403)

    async def undecided(websocket: WebSocket) -> None:
        del websocket

    async def failing(websocket: WebSocket) -> None:
        raise ValueError("as asked")

    async def slow(websocket: WebSocket) -> None:
        await asyncio.sleep(1.0)
        WebSocketHandover.of(websocket.scope).accept(Peer())

    async def sse(request: Request) -> Response:
        peer = Peer()
        peer.outlet = SseStream(server().transport, peer)
        peer.outlet.write(b"event: connected\ndata: 1\n\n")
        server().peers.append(peer)
        return peer.stream.response([("x-extra", "yes")])

    async def echo(request: Request) -> Response:
        return PlainTextResponse(b"%d" % len(await request.body()))

    async def small(request: Request) -> Response:
        limit_body(request.scope, 1000)
        return PlainTextResponse(b"%d" % len(await request.body()))

    async def large(request: Request) -> Response:
        return PlainTextResponse(b"x" * int(request.query_params["n"]))

    return Starlette(
        routes=[
            WebSocketRoute("/ws", ws),
            WebSocketRoute("/foreign", foreign),
            WebSocketRoute("/undecided", undecided),
            WebSocketRoute("/failing", failing),
            WebSocketRoute("/slow", slow),
            Route("/sse", sse, methods=["GET", "HEAD"]),
            Route("/echo", echo, methods=["GET", "POST"]),
            Route("/small", small, methods=["POST"]),
            Route("/large", large),
        ]
    )


@contextlib.asynccontextmanager
async def serve(
    limits: Limits | None = None, certificate: str | None = None
) -> AsyncGenerator[Server]:
    """Run a server on a free port until the block ends; with TLS where a PEM file is given."""
    holder: list[Server] = []
    transport = Transport(limits)
    config = uvicorn.Config(
        app(lambda: holder[0]),
        host="127.0.0.1",
        port=0,
        http=transport.http_protocol(),
        ws="none",
        log_config=None,
        lifespan="off",
        ssl_certfile=certificate,
        timeout_graceful_shutdown=5,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    holder.append(Server(transport, server, port))
    transport.start()
    try:
        yield holder[0]
    finally:
        transport.close()
        await server.shutdown()
