"""The fleets on which a run takes place, by the engine of their log, and what befalls each."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from blackroad.core.log.redis.embedded import server_binary
from tests.chaos.engines import PARTITIONS, of_cluster, of_sentinels
from tests.chaos.faults import Fault, of_engine_links, of_parts, of_server
from tests.chaos.fleet import Fleet
from tests.chaos.link import Link
from tests.servers import Cluster, Sentinels, Server

CORES: Final = 3
# With an engine of several servers, enough of the parts' faults to see them together.
SOME: Final = frozenset({"kill core", "stop core", "kill edge", "sever edges from core"})


@dataclass(frozen=True, slots=True)
class Stage:
    """A fleet that runs, and what may befall it."""

    fleet: Fleet
    faults: Sequence[Fault]


@asynccontextmanager
async def single() -> AsyncGenerator[Stage]:
    """Run a fleet on one server, which each core reaches by a way of its own."""
    server = Server(server_binary())
    try:
        async with AsyncExitStack() as stack:
            ways = [await stack.enter_async_context(Link(server.port)) for _ in range(CORES)]
            engines = [f"redis://127.0.0.1:{way.port}" for way in ways]
            fleet = await stack.enter_async_context(Fleet(engines))
            yield Stage(fleet, of_parts(fleet) + of_engine_links(fleet, ways) + of_server(server))
    finally:
        server.end()


@asynccontextmanager
async def sentinel() -> AsyncGenerator[Stage]:
    """Run a fleet on a master and its replica, which a sentinel watches."""
    pair = Sentinels()
    engine = f"redis+sentinel://127.0.0.1:{pair.sentinel.port}/main"
    try:
        async with Fleet([engine] * CORES) as fleet:
            yield Stage(fleet, _some(fleet) + of_sentinels(pair))
    finally:
        pair.end()


@asynccontextmanager
async def cluster() -> AsyncGenerator[Stage]:
    """Run a fleet on three masters that share the slots, with several partitions."""
    servers = Cluster()
    places = ",".join(f"127.0.0.1:{server.port}" for server in servers.servers)
    try:
        async with Fleet([f"redis+cluster://{places}"] * CORES, PARTITIONS) as fleet:
            yield Stage(fleet, _some(fleet) + of_cluster(servers))
    finally:
        servers.end()


def _some(fleet: Fleet) -> list[Fault]:
    return [fault for fault in of_parts(fleet) if fault.name in SOME]


STAGES: Final[dict[str, Callable[[], AbstractAsyncContextManager[Stage]]]] = {
    "single": single,
    "sentinel": sentinel,
    "cluster": cluster,
}
