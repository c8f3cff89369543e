"""python-socketio's room, over WebSocket only."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Protocol, cast

from starlette.types import ASGIApp

from benchmarks.harness.remote import Pipe
from benchmarks.peers.broadcast import ROOM, serve


class Server(Protocol):
    """The part of `socketio.AsyncServer` that is used; the package has no types."""

    def on(self, event: str, handler: Callable[[str, object], Awaitable[None]]) -> None:
        """Let a function handle an event."""
        ...

    async def enter_room(self, sid: str, room: str) -> None:
        """Put a client into a room."""
        ...

    async def emit(
        self, event: str, data: object, room: str | None = None, to: str | None = None
    ) -> None:
        """Send to a room, or to a client."""
        ...


def main(progress: Pipe | None, pipe: Pipe) -> None:
    """Serve until the pipe ends."""
    package = import_module("socketio")
    server = cast("Server", package.AsyncServer(async_mode="asgi"))

    async def connect(sid: str, _: object) -> None:
        await server.enter_room(sid, ROOM)
        await server.emit("message", {"type": "subscribed"}, to=sid)

    async def broadcast(event: dict[str, object]) -> None:
        await server.emit("message", event, room=ROOM)

    server.on("connect", connect)
    serve(pipe, cast("ASGIApp", package.ASGIApp(server)), broadcast, progress)
