"""What more nodes cost: events published at one core, read by a follower at each."""

from contextlib import AsyncExitStack

from benchmarks.harness.measure import Bench
from benchmarks.nodes.order import Write
from benchmarks.nodes.place import core_flow


async def measure(bench: Bench) -> None:
    """Fleets of 1, 2 and 4 cores, each on a server of its own."""
    order = Write(bench.scale(16_000, 1_280))
    async with AsyncExitStack() as stack:
        flows = [
            await core_flow(stack, f"{nodes} core{'s' * (nodes > 1)}", order, nodes=nodes)
            for nodes in ((1, 2) if bench.quick else (1, 2, 4))
        ]
        await bench.compare("fleet", flows)
