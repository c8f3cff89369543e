"""Three cores and two edges on one engine, each of which can be killed and started anew."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from typing import Final, Self

import grpc

from blackroad.realtime.v1 import admin_pb2, admin_pb2_grpc
from tests.chaos.link import Link
from tests.journeys.keys import SECRET, token
from tests.processes import Part, part
from tests.servers import free_port

WHOLE_SECONDS: Final = 60.0
START_TRIES: Final = 5
ASK_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.2
EDGES: Final = 2
CRASH: Final = "Traceback (most recent call last)"
DRAIN_SECONDS: Final = 60.0


class Fleet:
    """Runs the parts while the context lasts; each comes back at the address that it had.

    `engines` are the addresses at which the cores find their engine, one for each. Edges reach each
    core by a link that can be cut.
    """

    def __init__(self, engines: Sequence[str], partitions: int = 0) -> None:
        self._engines = list(engines)
        self._settings = {"ENGINE__PARTITIONS": str(partitions)} if partitions else {}
        self.cores = [f"core{number}" for number in range(len(engines))]
        self.edges = [f"edge{number}" for number in range(EDGES)]
        self.grpc = [f"127.0.0.1:{free_port()}" for _ in engines]
        self.http = [f"127.0.0.1:{free_port()}" for _ in self.edges]
        self.links = [Link(int(place.rpartition(":")[2])) for place in self.grpc]
        self.crashes: list[str] = []  # what parts have printed in which something was not expected
        self._running: dict[str, tuple[ExitStack, Part]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for link in self.links:
            await self._stack.enter_async_context(link)
        self._stack.push_async_callback(self._end)
        try:
            await asyncio.gather(*map(self.start, self.cores))
            await asyncio.gather(*map(self.start, self.edges))
            await self.whole()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def start(self, name: str) -> None:
        """Start a part, and return when it is ready. Another may hold its port for a moment."""
        for tried in range(START_TRIES):
            try:
                self._running[name] = await asyncio.to_thread(self._started, name)
                return
            except (AssertionError, KeyError):  # it ended, or said why it is not ready
                if tried == START_TRIES - 1:
                    raise
                await asyncio.sleep(1)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a part."""
        self._running[name][1].process.signal(number)

    async def kill(self, name: str) -> None:
        """End a part at once. Idempotent."""
        stack, running = self._running.pop(name, (ExitStack(), None))
        await asyncio.to_thread(stack.close)
        if running is not None and CRASH in running.process.output:
            self.crashes.append(f"{name}:\n{running.process.output}")

    async def drain(self, name: str) -> None:
        """Ask a part to end, and return when it has; fail where it does not as it should."""
        status = await asyncio.to_thread(self._running[name][1].process.terminate, DRAIN_SECONDS)
        if status:
            raise AssertionError(f"{name} ended with {status}:\n{self.output(name)}")
        await self.kill(name)

    def output(self, name: str) -> str:
        """Return what a part has printed since it was started."""
        return self._running[name][1].process.output

    async def whole(self) -> None:
        """Return when every core knows every other one; fail where that takes too long."""
        async with asyncio.timeout(WHOLE_SECONDS):
            for place in self.grpc:
                while await nodes(place) != self.cores:  # noqa: ASYNC110 (over the network)
                    await asyncio.sleep(POLL_SECONDS)

    async def _end(self) -> None:
        for name in list(self._running):
            await self.kill(name)

    def _started(self, name: str) -> tuple[ExitStack, Part]:
        stack = ExitStack()
        if name in self.cores:
            return stack, stack.enter_context(self._core(self.cores.index(name)))
        return stack, stack.enter_context(self._edge(self.edges.index(name)))

    def _core(self, number: int) -> AbstractContextManager[Part]:
        return part(
            "core",
            module="tests.chaos.shifted",
            NODE=self.cores[number],
            GRPC=self.grpc[number],
            LOG=self._engines[number],
            AUTH__SECRET=SECRET,
            DRAIN_SECONDS="3",
            LIMITS__USER__MESSAGES_PER_SECOND="100000",
            LIMITS__USER__BURST_LIMIT="100000",
            LIMITS__USER__COMMANDS_PER_SECOND="10000",
            **self._settings,
        )

    def _edge(self, number: int) -> AbstractContextManager[Part]:
        places = [f"127.0.0.1:{link.port}" for link in self.links]
        return part(
            "edge",
            HTTP=self.http[number],
            CORE=",".join(places[number:] + places[:number]),
            TOKEN=token("edge", kind="gateway"),
            EDGE__SSE_COMMENT_SECONDS="2",
            EDGE__DRAIN_SECONDS="3",
        )


async def nodes(place: str) -> list[str]:
    """Return the names of the cores that a core knows to be well; none where it is silent."""
    metadata = (("authorization", f"Bearer {token('operator', kind='service')}"),)
    options = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(place, options=options) as channel:
        try:
            listed = await admin_pb2_grpc.AdminServiceStub(channel).ListNodes(
                admin_pb2.ListNodesRequest(), metadata=metadata, timeout=ASK_SECONDS
            )
        except grpc.aio.AioRpcError:
            return []
    return sorted(node.name for node in listed.nodes if node.engine_healthy)
