"""What befalls an engine of several servers: a fail-over, with and without a lag; a Cluster."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from redis.crc import key_slot

from blackroad.core.log.redis.keys import Keys
from blackroad.core.settings import EngineSettings
from tests.chaos.faults import Fault, emptied, paused
from tests.servers import Cluster, Sentinels, Server, free_port

POLL_SECONDS: Final = 0.05
LAG_SECONDS: Final = 1.0
CHANGE_SECONDS: Final = 60.0
PARTITIONS: Final = 4


def of_sentinels(pair: Sentinels) -> list[Fault]:
    """Return what befalls a master that has a replica."""
    names = ["master"]
    found = [
        Fault("kill master", names, lambda _: failed_over(pair), (1.0, 2.0), loses=True),
        Fault(
            "kill master whose replica lags",
            names,
            lambda _: failed_over(pair, lags=True),
            (1.0, 2.0),
            loses=True,
        ),
        Fault(
            "stop master",
            names,
            lambda _: failed_over(pair, fault=signal.SIGSTOP),
            (1.0, 4.0),
            loses=True,
        ),
    ]
    return [replace(fault, of_engine=True) for fault in found]


@asynccontextmanager
async def failed_over(
    pair: Sentinels, *, lags: bool = False, fault: signal.Signals = signal.SIGKILL
) -> AsyncGenerator[None]:
    """Take the master away until the other one is; then it comes back as a replica.

    `lags`: what was written in the last second is not at the replica.
    """
    master, replica = pair.master, pair.replica
    if await is_master(replica):
        master, replica = replica, master
    if lags:
        await ask(replica, "REPLICAOF", "127.0.0.1", str(free_port()))
        await asyncio.sleep(LAG_SECONDS)
    master.process.send_signal(fault)
    async with asyncio.timeout(CHANGE_SECONDS):
        while not await is_master(replica):  # noqa: ASYNC110 (over the network)
            await asyncio.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        if fault is signal.SIGKILL:
            await asyncio.to_thread(master.restart)
        else:
            master.process.send_signal(signal.SIGCONT)
        await ask(master, "REPLICAOF", "127.0.0.1", str(replica.port))
        async with asyncio.timeout(CHANGE_SECONDS):
            while "state=online" not in await ask(replica, "INFO", "replication"):  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)


async def is_master(server: Server) -> bool:
    """Tell whether a server takes what is written."""
    return "master" in (await ask(server, "ROLE"))[:20]


async def ask(server: Server, *words: str) -> str:
    """Return a server's answer to what may be asked twice."""
    while True:
        try:
            return await asyncio.to_thread(server.ask, *words)
        except ConnectionError:  # a server that changes its part ends its connections
            await asyncio.sleep(POLL_SECONDS)


def of_cluster(cluster: Cluster) -> list[Fault]:
    """Return what befalls masters that share the slots."""
    servers = {f"server{number}": server for number, server in enumerate(cluster.servers)}
    names = list(servers)
    partitions = [str(number) for number in range(PARTITIONS)]
    found = [
        Fault("move slot", partitions, partial(moved, cluster), (1.0, 2.0), loses=True),
        Fault("stop server", names, lambda name: paused(servers[name]), (0.5, 1.5)),
        Fault("stop server for long", names, lambda name: paused(servers[name]), (5.0, 7.0)),
        Fault(
            "restart server empty",
            names,
            lambda name: emptied(servers[name]),
            (0.2, 1.0),
            loses=True,
        ),
    ]
    return [replace(fault, of_engine=True) for fault in found]


@asynccontextmanager
async def moved(cluster: Cluster, partition: str) -> AsyncGenerator[None]:
    """Move the slot of a partition to another server."""
    keys = Keys(EngineSettings().prefix, int(partition))
    await asyncio.to_thread(cluster.move, key_slot(keys.log.encode()))
    yield
