"""A contender that writes on one side and reads on others, until all have everything."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.harness.measure import Metric
from benchmarks.harness.processes import cpu_seconds
from benchmarks.nodes.order import Expect, Write
from benchmarks.nodes.reader import Reader
from benchmarks.nodes.writer import Writer

MICRO: Final = 1e6


@dataclass(slots=True)
class Flow:
    """As many events as one writer can have acknowledged, through a server and perhaps cores."""

    name: str
    order: Write
    writer: Writer
    readers: Sequence[Reader]
    server: int
    cores: Sequence[int] = ()

    async def round(self) -> Mapping[Metric, float]:
        """Write, until the last reader has the last event. What is read is checked there."""
        before, began = self._cpu(), time.perf_counter()
        await asyncio.gather(
            self.writer.ask(self.order),
            *(reader.ask(Expect(self.order.count)) for reader in self.readers),
        )
        seconds = time.perf_counter() - began
        server, cores = (now - then for now, then in zip(self._cpu(), before, strict=True))
        count = self.order.count
        found = {
            Metric("events per second", "1/s"): count / seconds,
            Metric("CPU of Redis for an event", "us"): server / count * MICRO,
        }
        if self.cores:
            found[Metric("CPU of all cores for an event", "us")] = cores / count * MICRO
        return found

    def _cpu(self) -> tuple[float, float]:
        return cpu_seconds([self.server]), cpu_seconds(self.cores)
