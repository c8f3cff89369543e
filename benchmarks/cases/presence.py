"""From an agent's change of presence to a browser that follows it."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from benchmarks.harness.measure import Bench, Metric, WrongCount, percentile
from benchmarks.harness.processes import installation
from benchmarks.harness.readers import Connect, Expect, Readers, readers
from benchmarks.harness.remote import Pipe, Remote, obey, run
from benchmarks.harness.wire import Kind
from blackroad.client import Client

PROMISE: Final = "1 s promised, 0.1 s aimed at"
PATTERN: Final = "presence.service.*"
PACE_SECONDS: Final = 0.02


@dataclass(slots=True)
class Followers:
    """Readers of everybody's presence, and one agent that changes its own."""

    far: Readers
    agent: Remote[int, int]
    sockets: int
    changes: int
    came: int = 0
    name: str = "WebSocket"

    async def round(self) -> Mapping[Metric, float]:
        """Change status and metadata, and look at each change's age at each reader."""
        self.came += self.changes
        heard, _ = await asyncio.gather(
            self.far.ask(Expect(self.came, timed=True)), self.agent.ask(self.changes)
        )
        if len(heard.ages_ns) != self.changes * self.sockets:
            raise WrongCount(f"{len(heard.ages_ns)} of {self.changes * self.sockets}")
        about = f"presence change to receipt, {self.sockets} sockets:"
        return {
            Metric(f"{about} p50", "ms", PROMISE): percentile(heard.ages_ns, 50) / 1e6,
            Metric(f"{about} p99", "ms", PROMISE): percentile(heard.ages_ns, 99) / 1e6,
        }


async def measure(bench: Bench) -> None:
    """One installation."""
    sockets = bench.scale(100, 10)
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(installation())
        far = await stack.enter_async_context(readers())
        await far.ask(Connect(Kind.WEBSOCKET, home.http_port, PATTERN, sockets))
        agent = await stack.enter_async_context(Remote[int, int](partial(_main, home.grpc)))
        await bench.compare("presence", [Followers(far, agent, sockets, bench.scale(200, 10))])


def _main(address: str, pipe: Pipe) -> None:
    run(_change(address, pipe))


async def _change(address: str, pipe: Pipe) -> None:
    number = 0
    async with Client(f"grpc://{address}") as client, client.announce() as here:

        async def do(changes: int) -> int:
            nonlocal number
            for _ in range(changes):
                await asyncio.sleep(PACE_SECONDS)
                number += 1
                status: Literal["busy", "online"] = "busy" if number % 2 else "online"
                await here.update(status, {"n": number, "t": time.monotonic_ns()})
            return number

        await obey(pipe, do)
