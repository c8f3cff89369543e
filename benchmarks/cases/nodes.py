"""From a publish at one core to its receipt from another, beside Redis itself and one core."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from benchmarks.harness.measure import Bench, Metric, WrongCount, percentile
from benchmarks.nodes.order import Expect, Place, Way, Write
from benchmarks.nodes.place import cores_on, readers_on, server_on
from benchmarks.nodes.reader import Reader
from benchmarks.nodes.writer import Writer, writer

PACE_SECONDS: Final = 0.005


@dataclass(slots=True)
class Path:
    """One event each 5 ms, from one process to another."""

    name: str
    order: Write
    writer: Writer
    reader: Reader

    async def round(self) -> Mapping[Metric, float]:
        """Write, and look at the age of each event when it came."""
        heard, _ = await asyncio.gather(
            self.reader.ask(Expect(self.order.count)), self.writer.ask(self.order)
        )
        if len(heard.ages_ns) != self.order.count:
            raise WrongCount(f"{len(heard.ages_ns)} of {self.order.count}")
        return {
            Metric("write to receipt: p50", "ms"): percentile(heard.ages_ns, 50) / 1e6,
            Metric("write to receipt: p99", "ms"): percentile(heard.ages_ns, 99) / 1e6,
        }


async def measure(bench: Bench) -> None:
    """Redis itself on a server of its own; two cores on another."""
    order = Write(bench.scale(500, 50), pace_seconds=PACE_SECONDS)
    async with AsyncExitStack() as stack:
        plain = Place(Way.REDIS, server_on(stack).socket)
        first, second = await cores_on(stack, server_on(stack), 2)
        here, there = Place(Way.CORE, first.grpc), Place(Way.CORE, second.grpc)
        readers = await readers_on(stack, [plain, here, there])
        raw = await stack.enter_async_context(writer(plain))
        agent = await stack.enter_async_context(writer(here))
        paths = [
            Path("Redis itself, XADD to XREAD", order, raw, readers[0]),
            Both("to the same core", order, agent, readers[1], readers[2]),
            Both("to another core", order, agent, readers[2], readers[1]),
        ]
        await bench.compare("nodes", paths)


@dataclass(slots=True)
class Both(Path):
    """The other core's reader has everything too; its ages do not count in this round."""

    other: Reader

    async def round(self) -> Mapping[Metric, float]:
        """Write, and read at both."""
        sample, _ = await asyncio.gather(
            super(Both, self).round(), self.other.ask(Expect(self.order.count))
        )
        return sample
