"""Servers, cores, writers and readers of a contender, each a process of its own."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from benchmarks.harness.processes import Core, cores
from benchmarks.nodes.flow import Flow
from benchmarks.nodes.order import Expect, Place, Way, Write
from benchmarks.nodes.reader import Reader, reader
from benchmarks.nodes.writer import writer
from blackroad.core.log.redis.embedded import server_binary
from tests.servers import Server


def server_on(stack: AsyncExitStack) -> Server:
    """Run a Valkey without persistence."""
    server = Server(server_binary())
    stack.callback(server.end)
    return server


async def cores_on(
    stack: AsyncExitStack, server: Server, count: int, partitions: int = 1
) -> Sequence[Core]:
    """Run cores on a server."""
    log = f"redis://127.0.0.1:{server.port}"
    flags = ("--engine.partitions", str(partitions))
    return await stack.enter_async_context(cores(count, log, *flags))


async def readers_on(stack: AsyncExitStack, places: Sequence[Place]) -> list[Reader]:
    """Run readers; all have begun."""
    readers = [await stack.enter_async_context(reader(place)) for place in places]
    for one in readers:
        await one.ask(Expect(0))
    return readers


async def plain_flow(stack: AsyncExitStack, order: Write) -> Flow:
    """Return Redis itself: one writes by XADD, another reads by XREAD."""
    server = server_on(stack)
    place = Place(Way.REDIS, server.socket)
    readers = await readers_on(stack, [place])
    far = await stack.enter_async_context(writer(place))
    return Flow("Redis itself, XADD and XREAD", order, far, readers, server.process.pid)


async def core_flow(
    stack: AsyncExitStack, name: str, order: Write, *, nodes: int = 1, partitions: int = 1
) -> Flow:
    """Return cores of which the first is published to, and each is read by one follower."""
    server = server_on(stack)
    found = await cores_on(stack, server, nodes, partitions)
    places = [Place(Way.CORE, core.grpc) for core in found]
    readers = await readers_on(stack, places)
    far = await stack.enter_async_context(writer(places[0]))
    pids = [core.pid for core in found]
    return Flow(name, order, far, readers, server.process.pid, pids)
