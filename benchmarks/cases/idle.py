"""KiB for each idle WebSocket and SSE client, and connects per CPU second."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from benchmarks.harness.measure import Bench, Metric
from benchmarks.harness.processes import Installation, cpu_seconds, installation, resident_bytes
from benchmarks.harness.readers import Connect, Disconnect, Readers, readers
from benchmarks.harness.wire import Kind

EDGE: Final = Metric("KiB at the edge", "KiB", "at most 6 (3)")
CORE: Final = Metric("KiB at the core beside it", "KiB")
CONNECTS: Final = Metric("connects and subscribes per CPU second, core and edge", "1/s")
QUIET_SECONDS: Final = 0.05
WARM: Final = 200


@dataclass(slots=True)
class Door:
    """Connects many clients, each of whom follows a room in which nothing happens."""

    name: str
    kind: Kind
    count: int
    warm: int

    async def round(self) -> Mapping[Metric, float]:
        """Take a fresh installation, for memory that was freed is not given back; warm it first."""
        async with AsyncExitStack() as stack:
            home = await stack.enter_async_context(installation())
            far = await stack.enter_async_context(readers())
            await far.ask(Connect(self.kind, home.http_port, "bench", self.warm))
            await _quiet(home)
            return await self._grow(home, far)

    async def _grow(self, home: Installation, far: Readers) -> Mapping[Metric, float]:
        pids = home.pids
        before = {part: resident_bytes(pid) for part, pid in pids.items()}
        cpu = cpu_seconds(pids.values())
        await far.ask(Connect(self.kind, home.http_port, "bench", self.count, self.warm))
        await _quiet(home)
        cpu = cpu_seconds(pids.values()) - cpu
        grown = {part: resident_bytes(pid) - before[part] for part, pid in pids.items()}
        await far.ask(Disconnect())
        return {
            EDGE: grown["edge"] / self.count / 1024,
            CORE: grown["core"] / self.count / 1024,
            CONNECTS: self.count / cpu,
        }


async def _quiet(home: Installation) -> None:
    """Return when core and edge do nothing any more."""
    used = -1.0
    while (now := cpu_seconds(home.pids.values())) - used > QUIET_SECONDS / 10:
        used = now
        await asyncio.sleep(QUIET_SECONDS)


async def measure(bench: Bench) -> None:
    """Both doors."""
    count, warm = bench.scale(4_000, 50), bench.scale(WARM, 10)
    doors = [
        Door("WebSocket", Kind.WEBSOCKET, count, warm),
        Door("SSE", Kind.SSE, count, warm),
    ]
    await bench.compare("idle", doors)
