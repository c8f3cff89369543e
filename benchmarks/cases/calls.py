"""Agent request and reply: 64 in flight, and one at a time; by raw stubs, the SDK, and others."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from benchmarks.calls import channels, raw, sdk
from benchmarks.calls.order import Ask, Asked
from benchmarks.harness.measure import Bench, Metric, WrongCount, percentile
from benchmarks.harness.processes import cpu_seconds, installation
from benchmarks.harness.remote import Pipe, Remote
from benchmarks.peers import autogen, messages
from benchmarks.peers.environment import NotInstalled

IN_FLIGHT: Final = 64
SERVER: Final = Metric(
    "64 in flight: calls per CPU second of the server", "1/s", "at least 20,000 (68,000)"
)
ALL: Final = Metric("64 in flight: calls per CPU second, all processes", "1/s")
PACE: Final = Metric("64 in flight: calls per second", "1/s")
ALONE_P50: Final = Metric("one at a time: p50", "us", "near 360 us")
ALONE_P99: Final = Metric("one at a time: p99", "us")

Main = Callable[[str, Pipe], None]


class Caller(Protocol):
    """Who calls."""

    async def ask(self, order: Ask) -> Asked:
        """Make calls, each checked."""
        ...


@dataclass(frozen=True, slots=True)
class Calling:
    """One caller and one worker, and the server between them."""

    name: str
    caller: Caller
    server_pid: int
    pids: tuple[int, ...]
    calls: int
    alone: int

    async def round(self) -> Mapping[Metric, float]:
        """Call with 64 in flight, then one by one."""
        server, everyone = cpu_seconds([self.server_pid]), cpu_seconds(self.pids)
        took = await self._ask(Ask(self.calls, IN_FLIGHT))
        server, everyone = (
            cpu_seconds([self.server_pid]) - server,
            cpu_seconds(self.pids) - everyone,
        )
        alone = await self._ask(Ask(self.alone, 1))
        return {
            SERVER: self.calls / server,
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
    """Each pair on a server of its own."""
    async with AsyncExitStack() as stack:
        contenders = [
            await _ours(stack, bench, "Open and Serve", (raw.call, raw.work), 20_000),
            await _ours(stack, bench, "the same, by the SDK", (sdk.call, sdk.work), 8_000),
            await _ours(stack, bench, "two channels", channels.BY_EVENT, 20_000),
            await _ours(stack, bench, "two channels, many a publish", channels.BY_BATCH, 40_000),
            await _messages(stack, bench),
            *await _autogen(stack, bench),
        ]
        await bench.compare("calls", contenders)


async def _ours(
    stack: AsyncExitStack, bench: Bench, name: str, pair: tuple[Main, Main], calls: int
) -> Calling:
    home = await stack.enter_async_context(installation(edge=False))
    return await _pair(stack, bench, name, pair, home.grpc, home.pids["core"], calls)


async def _messages(stack: AsyncExitStack, bench: Bench) -> Calling:
    server = await stack.enter_async_context(Remote[Ask, int](messages.serve))
    address = f"127.0.0.1:{await server.ask(Ask(0, 1))}"
    pair = messages.call, messages.work
    return await _pair(stack, bench, "a relay over grpc.aio", pair, address, server.pid, 8_000)


async def _pair(
    stack: AsyncExitStack,
    bench: Bench,
    name: str,
    pair: tuple[Main, Main],
    address: str,
    server_pid: int,
    calls: int,
) -> Calling:
    call, work = pair
    worker = await stack.enter_async_context(Remote[Ask, Asked](partial(work, address)))
    await worker.ask(Ask(0, 1))
    caller = await stack.enter_async_context(Remote[Ask, Asked](partial(call, address)))
    pids = (server_pid, worker.pid, caller.pid)
    amount, alone = bench.scale(calls, 200), bench.scale(2_000, 50)
    return Calling(name, caller, server_pid, pids, amount, alone)


async def _autogen(stack: AsyncExitStack, bench: Bench) -> list[Calling]:
    try:
        await autogen.ENVIRONMENT.provide(install=not bench.quick)
    except NotInstalled as reason:
        print(f"calls: without AutoGen: {reason}", flush=True)
        return []
    peer = await stack.enter_async_context(autogen.runtime())
    pids = (peer.host.pid, peer.worker.pid, peer.caller.pid)
    amount, alone = bench.scale(4_000, 200), bench.scale(1_000, 50)
    return [Calling("AutoGen's runtime", peer.caller, peer.host.pid, pids, amount, alone)]
