"""Deliveries per CPU second of the edge's sockets, counted by receivers in another process."""

import argparse
import asyncio
import hashlib
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection

import picows
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from blackroad.edge.fanout import Fanout, Receiver
from blackroad.edge.transport import Socket, Transport, WebSocketHandover, text_frame

BODY = b'{"type":"message","room":"bench","content":"%08d","cursor":"AAAAAAAAAAAAAAAAAAAAAAAA"}'
LAST = BODY % 99_999_999


class Session:
    """As little of a session as the fan-out needs."""

    __slots__ = ("receiver",)

    receiver: Receiver[str]

    def on_text(self, payload: bytes, /) -> None:
        """Ignore it."""

    def on_binary(self, payload: bytes, /) -> None:
        """Ignore it."""

    def on_backlog(self, waiting: bool, /) -> None:
        """Hand it on."""
        self.receiver.on_backlog(waiting)

    def on_beat(self) -> None:
        """Have no bookmark."""

    def on_close(self, code: int, /) -> None:
        """Leave."""
        self.receiver.close()

    def on_overflow(self, lost: dict[int, str | None], /) -> None:
        """Be loud: then the figure would be worth nothing."""
        raise AssertionError(lost)


class Edge:
    """An app with one route, whose every socket follows number 1."""

    def __init__(self, own: bool) -> None:
        self.own = own
        self.transport = Transport()
        self.fanout: Fanout[bytes, str] = Fanout(lambda event, *_: text_frame(event))
        self.sockets: list[Socket] = []
        self.app = Starlette(routes=[WebSocketRoute("/ws", self.door)])
        config = uvicorn.Config(
            self.app, port=0, http=self.transport.http_protocol(), ws="none", log_config=None
        )
        self.server = uvicorn.Server(config)

    async def door(self, websocket: WebSocket) -> None:
        """Accept everybody."""
        session = Session()
        socket = WebSocketHandover.of(websocket.scope).accept(session)
        session.receiver = Receiver(self.fanout, socket, "websocket", session)
        self.fanout.join(session.receiver, 1)
        if self.own:
            self.fanout.join(session.receiver, 2 + len(self.sockets))
        self.sockets.append(socket)

    async def publish(self, count: int, burst: int) -> float:
        """Publish as fast as the sockets take it; return CPU seconds."""
        begun = time.process_time()
        for number in range(count):
            self.fanout.publish(BODY % number, (1,), "")
            if number % burst == burst - 1:
                await asyncio.sleep(0)
                while self.transport.stalls:  # noqa: ASYNC110 - the product has no such event
                    await asyncio.sleep(0.0005)
        self.fanout.publish(LAST, (1,), "")
        self.fanout.flush()
        return time.process_time() - begun


def receive(port: int, sockets: int, pipe: Connection) -> None:
    """Be all the browsers."""
    uvloop.run(_receive(port, sockets, pipe))


class Browser(picows.WSListener):
    """Counts its messages and hashes them."""

    def __init__(self) -> None:
        self.count = 0
        self.hash = hashlib.blake2b(digest_size=8)
        self.done = asyncio.get_running_loop().create_future()

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Take one message."""
        payload = frame.get_payload_as_bytes()
        self.count += 1
        self.hash.update(payload)
        if payload == LAST:
            self.done.set_result(None)


async def _receive(port: int, sockets: int, pipe: Connection) -> None:
    pairs = [await picows.ws_connect(Browser, f"ws://127.0.0.1:{port}/ws") for _ in range(sockets)]
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, pipe.recv):
        browsers = [browser for _, browser in pairs]
        pipe.send("ready")
        await asyncio.gather(*(browser.done for browser in browsers))
        pipe.send((sum(b.count for b in browsers), len({b.hash.digest() for b in browsers})))
        for browser in browsers:
            browser.count = 0
            browser.done = loop.create_future()


async def measure(sockets: int, events: int, burst: int, runs: int, own: bool) -> list[float]:
    """Return deliveries per CPU second of this process, one for each run."""
    edge = Edge(own)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(edge.server.serve())
        while not edge.server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        edge.transport.start()
        port = edge.server.servers[0].sockets[0].getsockname()[1]
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("spawn").Process(
            target=receive, args=(port, sockets, theirs)
        )
        child.start()
        loop = asyncio.get_running_loop()
        figures: list[float] = []
        for _ in range(runs):
            ours.send(True)
            await loop.run_in_executor(None, ours.recv)
            seconds = await edge.publish(events, burst)
            count, kinds = await loop.run_in_executor(None, ours.recv)
            assert count == sockets * (events + 1), (count, sockets * (events + 1))
            assert kinds == 1, "not all got the same bytes in the same order"
            figures.append(count / seconds)
        ours.send(False)
        await loop.run_in_executor(None, child.join)
        edge.transport.close()
        edge.server.should_exit = True
    return figures


def main() -> None:
    """Print min, median and max."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, nargs="*", default=[200, 1000])
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--burst", type=int, nargs="*", default=[1, 5, 64])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--own", action="store_true", help="each socket follows one more, its own")
    chosen = parser.parse_args()
    for sockets in chosen.sockets:
        for burst in chosen.burst:
            run = measure(sockets, chosen.events, burst, chosen.runs, chosen.own)
            figures = uvloop.run(run)
            low, middle, high = min(figures), statistics.median(figures), max(figures)
            print(
                f"{sockets:5} sockets, {burst:3} events a turn: {low / 1e6:.2f} {middle / 1e6:.2f}"
                f" {high / 1e6:.2f} M deliveries per CPU second"
            )


if __name__ == "__main__":
    main()
