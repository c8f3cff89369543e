"""A peer's server in a process of its own: told to broadcast, it paces itself as our publisher."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from benchmarks.harness.publisher import TEXT, Publish, Window, body, publish_all
from benchmarks.harness.remote import Pipe, obey, run

ROOM = "bench"
Broadcast = Callable[[dict[str, object]], Awaitable[None]]


def serve(pipe: Pipe, app: ASGIApp, broadcast: Broadcast, progress: Pipe | None) -> None:
    """Serve until the pipe ends; the first order (of no events) is answered by the port."""
    run(_serve(pipe, app, broadcast, progress))


def event(number: int) -> dict[str, object]:
    """Return what our WebSocket frame of an event has, so that as many bytes are sent."""
    return {
        "type": "message",
        "room": ROOM,
        "content": body(number),
        "from": "developer",
        "from_kind": "service",
        "from_session": "se_" + TEXT[:36],
        "timestamp": "2026-01-01T00:00:00.000Z",
        "event_id": "ev_" + TEXT[:36],
        "offset": number,
        "cursor": TEXT[:22],
    }


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncGenerator[uvicorn.Server]:
    """Serve an application on a free port while the context lasts."""
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", backlog=4096)
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield server
        server.should_exit = True
        server.force_exit = True


def port_of(server: uvicorn.Server) -> int:
    """Return the port of a server that serves."""
    return int(server.servers[0].sockets[0].getsockname()[1])


async def _serve(pipe: Pipe, app: ASGIApp, broadcast: Broadcast, progress: Pipe | None) -> None:
    window = Window(progress)
    came = 0

    async def send(first: int, count: int) -> None:
        for number in range(first, first + count):
            await broadcast(event(number))

    async with serving(app) as server:

        async def do(order: Publish) -> int:
            nonlocal came
            if not order.count:
                return port_of(server)
            came = await publish_all(order, came + 1, window, send)
            return came

        await obey(pipe, do)
