"""KiB of this process per idle WebSocket and SSE stream, and connects per CPU second."""

import argparse
import asyncio
import gc
import multiprocessing
import os
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path

import picows
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from benchmarks.edge_fanout import Session
from blackroad.edge.fanout import Fanout, Receiver
from blackroad.edge.transport import SseStream, Transport, WebSocketHandover

PAGE = os.sysconf("SC_PAGE_SIZE")
SSE = b"GET /sse HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n"


def resident() -> int:
    """Return how many bytes of this process are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Edge:
    """An app with one route of each kind."""

    def __init__(self) -> None:
        self.transport = Transport()
        self.fanout: Fanout[bytes, str] = Fanout(lambda event, *_: event)
        routes = [WebSocketRoute("/ws", self.ws), Route("/sse", self.sse)]
        config = uvicorn.Config(
            Starlette(routes=routes),
            port=0,
            backlog=4096,
            http=self.transport.http_protocol(),
            ws="none",
            log_config=None,
        )
        self.server = uvicorn.Server(config)

    async def ws(self, websocket: WebSocket) -> None:
        """Accept everybody."""
        session = Session()
        socket = WebSocketHandover.of(websocket.scope).accept(session)
        session.receiver = Receiver(self.fanout, socket, "websocket", session)
        self.fanout.join(session.receiver, 1)

    async def sse(self, request: Request) -> Response:
        """Accept everybody."""
        del request
        session = Session()
        stream = SseStream(self.transport, session)
        session.receiver = Receiver(self.fanout, stream, "sse", session)
        self.fanout.join(session.receiver, 1)
        return stream.response()


class Quiet(picows.WSListener):
    """Hears nothing."""


def connect(port: int, pipe: Connection) -> None:
    """Be all the browsers."""
    uvloop.run(_connect(port, pipe))


async def _connect(port: int, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    while order := await loop.run_in_executor(None, pipe.recv):
        kind, count = order
        slots = asyncio.Semaphore(50)

        async def one(kind: str = kind, slots: asyncio.Semaphore = slots) -> asyncio.Transport:
            async with slots:
                if kind == "ws":
                    url = f"ws://127.0.0.1:{port}/ws"
                    return (await picows.ws_connect(Quiet, url))[0].underlying_transport
                transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
                transport.write(SSE)
                return transport

        open_ = await asyncio.gather(*(one() for _ in range(count)))
        pipe.send("open")
        await loop.run_in_executor(None, pipe.recv)
        for transport in open_:
            transport.abort()
        pipe.send("closed")


async def measure(kind: str, count: int, runs: int) -> list[tuple[float, float]]:
    """Return KiB per connection and connects per CPU second, for each run."""
    edge = Edge()
    figures: list[tuple[float, float]] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(edge.server.serve())
        while not edge.server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        edge.transport.start()
        port = edge.server.servers[0].sockets[0].getsockname()[1]
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("spawn").Process(target=connect, args=(port, theirs))
        child.start()
        loop = asyncio.get_running_loop()

        async def order(what: object) -> None:
            ours.send(what)
            await loop.run_in_executor(None, ours.recv)

        await order((kind, 200))  # warm
        await order("close")
        for _ in range(runs):
            while len(edge.transport):  # noqa: ASYNC110 - a benchmark may
                await asyncio.sleep(0.01)
            memory, begun = resident(), time.process_time()
            await order((kind, count))
            while len(edge.transport) < count:  # noqa: ASYNC110 - a benchmark may
                await asyncio.sleep(0.01)
            seconds = time.process_time() - begun
            figures.append(((resident() - memory) / count / 1024, count / seconds))
            await order("close")
        ours.send(None)
        await loop.run_in_executor(None, child.join)
        edge.server.should_exit = True
    return figures


def main() -> None:
    """Print the first run's memory (later ones reuse it) and min, median and max of the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["ws", "sse"])
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    runs = uvloop.run(measure(chosen.kind, chosen.count, chosen.runs))
    rates = sorted(rate for _, rate in runs)
    print(
        f"{chosen.kind:4} {runs[0][0]:.2f} KiB each; connects per CPU second:"
        f" {rates[0]:.0f} {statistics.median(rates):.0f} {rates[-1]:.0f}"
    )


if __name__ == "__main__":
    main()
