"""Deliveries per CPU second to 200 and 1,000 WebSockets, beside two peers."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.harness.measure import Bench, Metric, WrongCount
from benchmarks.harness.processes import cpu_seconds, installation
from benchmarks.harness.publisher import Publish, Publisher, publisher
from benchmarks.harness.readers import Connect, Expect, Readers, readers
from benchmarks.harness.remote import SPAWN, Pipe, Remote
from benchmarks.harness.wire import Kind
from benchmarks.peers import naive, socketio
from benchmarks.peers.broadcast import ROOM

PROMISE: Final = "at least 1.5 million"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another server, and how one connects to it."""

    name: str
    kind: Kind
    main: Callable[[Pipe | None, Pipe], None]


NAIVE: Final = Peer("FastAPI, for ws in clients", Kind.WEBSOCKET, naive.main)
SOCKETIO: Final = Peer("python-socketio", Kind.SOCKETIO, socketio.main)


@dataclass(slots=True)
class Room:
    """One publisher, and readers that all get all of it."""

    name: str
    far: Readers
    publisher: Publisher
    order: Publish
    sockets: int
    pids: tuple[int, ...]
    promise: str = ""
    came: int = 0

    async def round(self) -> Mapping[Metric, float]:
        """Publish, until the last reader has the last event."""
        self.came += self.order.count
        before, began = cpu_seconds(self.pids), time.perf_counter()
        heard, _ = await asyncio.gather(
            self.far.ask(Expect(self.came)), self.publisher.ask(self.order)
        )
        cpu, wall = cpu_seconds(self.pids) - before, time.perf_counter() - began
        if heard.deliveries != self.order.count * self.sockets:
            raise WrongCount(f"{heard.deliveries} of {self.order.count * self.sockets} deliveries")
        about = f"{self.sockets:,} sockets: deliveries per"
        return {
            Metric(f"{about} CPU second", "1/s", self.promise): heard.deliveries / cpu,
            Metric(f"{about} second", "1/s"): heard.deliveries / wall,
        }


async def measure(bench: Bench) -> None:
    """All contenders at once at each number of sockets; who does not measure is idle."""
    for sockets in (20,) if bench.quick else (200, 1000):
        async with AsyncExitStack() as stack:
            singles = Publish(ROOM, bench.scale(10_000, 100), flight=256)
            batches = Publish(ROOM, bench.scale(20_000, 100), flight=4, batch=64)
            alone = Publish(ROOM, bench.scale(100_000 // sockets, 50), flight=1)
            rooms = [
                await _ours(stack, "BlackRoad", sockets, singles),
                await _ours(stack, "BlackRoad, 64 a publish", sockets, batches),
                await _peer(stack, NAIVE, sockets, alone),
                await _peer(stack, SOCKETIO, sockets, alone),
            ]
            await bench.compare("fanout", rooms)


async def _ours(stack: AsyncExitStack, name: str, sockets: int, order: Publish) -> Room:
    hear, tell = SPAWN.Pipe(duplex=False)
    home = await stack.enter_async_context(installation())
    agent = await stack.enter_async_context(publisher(home.grpc, hear))
    far = await stack.enter_async_context(readers(tell))
    await far.ask(Connect(Kind.WEBSOCKET, home.http_port, ROOM, sockets))
    pids = (*home.pids.values(), agent.pid)
    return Room(name, far, agent, order, sockets, pids, PROMISE)


async def _peer(stack: AsyncExitStack, peer: Peer, sockets: int, order: Publish) -> Room:
    hear, tell = SPAWN.Pipe(duplex=False)
    main = partial(peer.main, hear)
    server = await stack.enter_async_context(Remote[Publish, int](main))
    far = await stack.enter_async_context(readers(tell))
    port = await server.ask(Publish(ROOM, 0))
    await far.ask(Connect(peer.kind, port, ROOM, sockets))
    return Room(peer.name, far, server, order, sockets, (server.pid,))
