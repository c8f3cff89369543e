"""Events through one core process, with several partitions of its log, beside Redis itself."""

from contextlib import AsyncExitStack

from benchmarks.harness.measure import Bench
from benchmarks.nodes.order import Write
from benchmarks.nodes.place import core_flow, plain_flow


async def measure(bench: Bench) -> None:
    """All contenders run side by side; who does not measure is idle but for its canaries."""
    order = Write(bench.scale(16_000, 1_280))
    async with AsyncExitStack() as stack:
        flows = [await plain_flow(stack, order)]
        for partitions in (1, 4) if bench.quick else (1, 4, 16):
            name = f"one core, {partitions} partition{'s' * (partitions > 1)}"
            flows.append(await core_flow(stack, name, order, partitions=partitions))
        await bench.compare("partitions", flows)
