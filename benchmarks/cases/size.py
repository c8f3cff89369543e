"""How much memory a core and an edge have when they have started and nobody has come."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from benchmarks.harness.measure import Bench, Metric
from benchmarks.harness.processes import installation, resident_bytes

SIZE: Final = Metric("MiB at the start", "MiB")
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an installation that is started anew each round."""

    name: str
    part: str

    async def round(self) -> Mapping[Metric, float]:
        """Start, look and end."""
        async with AsyncExitStack() as stack:
            home = await stack.enter_async_context(installation())
            return {SIZE: resident_bytes(home.pids[self.part]) / MIB}


async def measure(bench: Bench) -> None:
    """Measure both, each in installations of its own."""
    await bench.compare("size", [Part("a core", "core"), Part("an edge", "edge")])
