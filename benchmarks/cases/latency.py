"""From an agent's publish to a browser's receipt, by the stamp in the event: 100 sockets each."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from benchmarks.harness.measure import Bench, Metric, WrongCount, percentile
from benchmarks.harness.processes import installation
from benchmarks.harness.publisher import Publish, Publisher, publisher
from benchmarks.harness.readers import Connect, Expect, Readers, readers
from benchmarks.harness.wire import Kind

PACE_SECONDS: Final = 0.005
PROMISES: Final = {
    Kind.WEBSOCKET: "10 ms promised, 1 ms aimed at",
    Kind.SSE: "50 ms promised, 5 ms aimed at",
}


@dataclass(slots=True)
class Door:
    """100 readers by one door, and the agent that publishes to them, an event each 5 ms."""

    name: str
    kind: Kind
    far: Readers
    publisher: Publisher
    order: Publish
    sockets: int
    came: int = 0

    async def round(self) -> Mapping[Metric, float]:
        """Publish, and look at the age of each event at each reader."""
        self.came += self.order.count
        heard, _ = await asyncio.gather(
            self.far.ask(Expect(self.came, timed=True)), self.publisher.ask(self.order)
        )
        if len(heard.ages_ns) != self.order.count * self.sockets:
            raise WrongCount(f"{len(heard.ages_ns)} of {self.order.count * self.sockets}")
        about = f"publish to receipt, {self.sockets} sockets:"
        return {
            Metric(f"{about} p50", "ms", PROMISES[self.kind]): percentile(heard.ages_ns, 50) / 1e6,
            Metric(f"{about} p99", "ms", PROMISES[self.kind]): percentile(heard.ages_ns, 99) / 1e6,
        }


async def measure(bench: Bench) -> None:
    """Both doors of one installation, with one room each."""
    sockets = bench.scale(100, 10)
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(installation())
        agent = await stack.enter_async_context(publisher(home.grpc, None))
        doors: list[Door] = []
        for name, kind in (("WebSocket", Kind.WEBSOCKET), ("SSE", Kind.SSE)):
            far = await stack.enter_async_context(readers())
            room = f"bench.{kind}"
            await far.ask(Connect(kind, home.http_port, room, sockets))
            order = Publish(room, bench.scale(500, 20), pace_seconds=PACE_SECONDS)
            doors.append(Door(name, kind, far, agent, order, sockets))
        await bench.compare("latency", doors)
