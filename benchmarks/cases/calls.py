"""Agent request and reply: 64 in flight, and one at a time; by raw stubs and by the SDK."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.calls import raw, sdk
from benchmarks.calls.order import Ask, Asked
from benchmarks.harness.measure import Bench, Metric, WrongCount, percentile
from benchmarks.harness.processes import cpu_seconds, installation
from benchmarks.harness.remote import Pipe, Remote

IN_FLIGHT: Final = 64
CORE: Final = Metric(
    "64 in flight: calls per CPU second of the core", "1/s", "at least 20,000 (68,000)"
)
ALL: Final = Metric("64 in flight: calls per CPU second, all processes", "1/s")
PACE: Final = Metric("64 in flight: calls per second", "1/s")
ALONE_P50: Final = Metric("one at a time: p50", "us", "near 360 us")
ALONE_P99: Final = Metric("one at a time: p99", "us")

Main = Callable[[str, Pipe], None]


@dataclass(frozen=True, slots=True)
class Calling:
    """One caller and one worker on a core."""

    name: str
    caller: Remote[Ask, Asked]
    core_pid: int
    pids: tuple[int, ...]
    calls: int
    alone: int

    async def round(self) -> Mapping[Metric, float]:
        """Call with 64 in flight, then one by one."""
        core, everyone = cpu_seconds([self.core_pid]), cpu_seconds(self.pids)
        took = await self._ask(Ask(self.calls, IN_FLIGHT))
        core, everyone = cpu_seconds([self.core_pid]) - core, cpu_seconds(self.pids) - everyone
        alone = await self._ask(Ask(self.alone, 1))
        return {
            CORE: self.calls / core,
            ALL: self.calls / everyone,
            PACE: self.calls * IN_FLIGHT / sum(took),
            ALONE_P50: percentile(alone, 50) * 1e6,
            ALONE_P99: percentile(alone, 99) * 1e6,
        }

    async def _ask(self, order: Ask) -> list[float]:
        asked = await self.caller.ask(order)
        if len(asked.seconds) != order.calls:
            raise WrongCount(f"{len(asked.seconds)} replies to {order.calls} calls")
        return asked.seconds


async def measure(bench: Bench) -> None:
    """Each pair on a core of its own."""
    async with AsyncExitStack() as stack:
        contenders: list[Calling] = []
        pairs: tuple[tuple[str, Main, Main, int], ...] = (
            ("raw stubs", raw.call, raw.work, 20_000),
            ("the SDK", sdk.call, sdk.work, 8_000),
        )
        for name, call, work, calls in pairs:
            home = await stack.enter_async_context(installation(edge=False))
            worker = await stack.enter_async_context(Remote[Ask, Asked](partial(work, home.grpc)))
            await worker.ask(Ask(0, 1))
            caller = await stack.enter_async_context(Remote[Ask, Asked](partial(call, home.grpc)))
            core = home.pids["core"]
            pids = (core, worker.pid, caller.pid)
            amount, alone = bench.scale(calls, 200), bench.scale(2_000, 50)
            contenders.append(Calling(name, caller, core, pids, amount, alone))
        await bench.compare("calls", contenders)
