"""What the way through core and edge adds to an agent's first token."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.calls import browser, sdk
from benchmarks.calls.order import Ask, Asked
from benchmarks.harness.measure import Bench, Metric, WrongCount, percentile
from benchmarks.harness.processes import installation
from benchmarks.harness.remote import Remote

PROMISE: Final = "100 ms promised, 10 ms aimed at"


@dataclass(frozen=True, slots=True)
class Asking:
    """One way to a worker function that answers at once, and that function called directly."""

    name: str
    caller: Remote[Ask, Asked]
    worker: Remote[Ask, Asked]
    calls: int

    async def round(self) -> Mapping[Metric, float]:
        """Ask one by one; take off what the function itself takes."""
        direct = percentile(await self._ask(self.worker), 50)
        took = await self._ask(self.caller)
        about = "added to the time to the first token:"
        return {
            Metric(f"{about} p50", "ms", PROMISE): (percentile(took, 50) - direct) * 1e3,
            Metric(f"{about} p99", "ms", PROMISE): (percentile(took, 99) - direct) * 1e3,
        }

    async def _ask(self, who: Remote[Ask, Asked]) -> list[float]:
        asked = await who.ask(Ask(self.calls, 1))
        if len(asked.seconds) != self.calls:
            raise WrongCount(f"{len(asked.seconds)} answers to {self.calls} calls")
        return asked.seconds


async def measure(bench: Bench) -> None:
    """Invoke the same agent by a browser's `agent.invoke` and by the SDK."""
    calls = bench.scale(500, 20)
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(installation())
        worker = await stack.enter_async_context(Remote[Ask, Asked](partial(sdk.work, home.grpc)))
        await worker.ask(Ask(0, 1))
        browsing = await stack.enter_async_context(
            Remote[Ask, Asked](partial(browser.call, home.http_port))
        )
        calling = await stack.enter_async_context(Remote[Ask, Asked](partial(sdk.call, home.grpc)))
        await bench.compare(
            "first_token",
            [
                Asking("agent.invoke by WebSocket", browsing, worker, calls),
                Asking("invoke by the SDK, to the end", calling, worker, calls),
            ],
        )
