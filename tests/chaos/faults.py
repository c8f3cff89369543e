"""What strikes a fleet: each fault comes, stays for a while and goes; then all must be well."""

import asyncio
import random
import signal
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from tests.chaos.fleet import Fleet
from tests.chaos.link import Link
from tests.servers import Server

Strike = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and whom it may strike. `strike` enters it, and leaves it when it is over.

    `loses`: the log may lose what it had, so that gaps are told. It stays for some of `seconds`.
    `of_engine`: it cannot be beside another one of the engine.
    """

    name: str
    targets: Sequence[str]
    strike: Callable[[str], AbstractAsyncContextManager[None]]
    seconds: tuple[float, float] = (1.0, 3.0)
    loses: bool = False
    of_engine: bool = False

    def target(self, chance: random.Random) -> str:
        """Return whom it strikes this time."""
        return chance.choice(self.targets)


def of_parts(fleet: Fleet) -> list[Fault]:
    """Return what befalls cores and edges, and the ways between them."""
    ways = dict(zip(fleet.cores, fleet.links, strict=True))
    return [
        Fault("kill core", fleet.cores, partial(killed, fleet), (0.5, 2.0)),
        Fault("kill core for long", fleet.cores, partial(killed, fleet), (6.0, 7.0)),
        Fault("stop core", fleet.cores, partial(stopped, fleet), (1.0, 3.0)),
        Fault("stop core for long", fleet.cores, partial(stopped, fleet), (6.0, 7.0)),
        Fault("kill edge", fleet.edges, partial(killed, fleet), (0.5, 2.0)),
        Fault("stop edge", fleet.edges, partial(stopped, fleet), (1.0, 3.0)),
        Fault("cut edges from core", fleet.cores, partial(_of(ways, cut)), (1.0, 4.0)),
        Fault("sever edges from core", fleet.cores, partial(_of(ways, severed)), (0.5, 2.0)),
        Fault("restart core", fleet.cores, partial(drained, fleet), (0.1, 1.0)),
        Fault("restart edge", fleet.edges, partial(drained, fleet), (0.1, 1.0)),
        Fault("jump core's clock", fleet.cores, partial(jumped, fleet), (2.0, 3.0)),
    ]


def of_engine_links(fleet: Fleet, links: Sequence[Link]) -> list[Fault]:
    """Return what befalls the ways from cores to their engine."""
    ways = dict(zip(fleet.cores, links, strict=True))
    return [
        Fault("cut core from engine", fleet.cores, partial(_of(ways, cut)), (1.0, 6.0)),
        Fault("sever core from engine", fleet.cores, partial(_of(ways, severed)), (0.2, 2.0)),
    ]


def of_server(server: Server) -> list[Fault]:
    """Return what befalls the one server of the log."""
    names = ["redis"]
    found = [
        Fault("stop server", names, lambda _: paused(server), (1.0, 4.0)),
        Fault("stop server for long", names, lambda _: paused(server), (6.0, 7.0)),
        Fault("restart server empty", names, lambda _: emptied(server), (0.2, 2.0), loses=True),
        Fault("flush", names, lambda _: flushed(server), (0.1, 1.0), loses=True),
        Fault("fill memory", names, lambda _: filled(server), (1.0, 3.0)),
        Fault("break connections", names, lambda _: broken(server), (0.1, 0.5)),
        Fault("jump server's clock", names, lambda _: aged(server), (0.5, 1.0)),
    ]
    return [replace(fault, of_engine=True) for fault in found]


def _of(
    ways: dict[str, Link], fault: Callable[[Link], AbstractAsyncContextManager[None]]
) -> Callable[[str], AbstractAsyncContextManager[None]]:
    return lambda target: fault(ways[target])


@asynccontextmanager
async def killed(fleet: Fleet, name: str) -> AsyncGenerator[None]:
    """Kill a part, and start it anew."""
    await fleet.kill(name)
    try:
        yield
    finally:
        await fleet.start(name)


@asynccontextmanager
async def drained(fleet: Fleet, name: str) -> AsyncGenerator[None]:
    """Have a part drain and end, and start it anew."""
    await fleet.drain(name)
    try:
        yield
    finally:
        await fleet.start(name)


@asynccontextmanager
async def stopped(fleet: Fleet, name: str) -> AsyncGenerator[None]:
    """Have a part stand still, and go on."""
    fleet.signal(name, signal.SIGSTOP)
    try:
        yield
    finally:
        fleet.signal(name, signal.SIGCONT)


@asynccontextmanager
async def jumped(fleet: Fleet, name: str) -> AsyncGenerator[None]:
    """Have a core's wall clock an hour ahead, and then right again."""
    fleet.signal(name, signal.SIGUSR1)
    try:
        yield
    finally:
        fleet.signal(name, signal.SIGUSR2)


@asynccontextmanager
async def cut(link: Link) -> AsyncGenerator[None]:
    """Let nothing through."""
    link.cut()
    try:
        yield
    finally:
        link.mend()


@asynccontextmanager
async def severed(link: Link) -> AsyncGenerator[None]:
    """End what stands, and refuse what comes."""
    link.sever()
    try:
        yield
    finally:
        link.mend()


@asynccontextmanager
async def paused(server: Server) -> AsyncGenerator[None]:
    """Have a server stand still, and go on."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def emptied(server: Server) -> AsyncGenerator[None]:
    """Kill a server, and start it anew with nothing in it."""
    await asyncio.to_thread(server.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(server.restart)


@asynccontextmanager
async def flushed(server: Server) -> AsyncGenerator[None]:
    """Take everything out of a server."""
    await asyncio.to_thread(server.ask, "FLUSHALL")
    yield


@asynccontextmanager
async def filled(server: Server) -> AsyncGenerator[None]:
    """Have a server refuse what needs memory."""
    await asyncio.to_thread(server.ask, "CONFIG", "SET", "maxmemory", "1")
    try:
        yield
    finally:
        await asyncio.to_thread(server.ask, "CONFIG", "SET", "maxmemory", "0")


@asynccontextmanager
async def broken(server: Server) -> AsyncGenerator[None]:
    """End all connections of a server, again and again."""
    for _ in range(5):
        await asyncio.to_thread(server.ask, "CLIENT", "KILL", "TYPE", "normal")
        await asyncio.sleep(0.05)
    yield


@asynccontextmanager
async def aged(server: Server) -> AsyncGenerator[None]:
    """Have the log's server believe that four minutes have passed: less than anything is kept.

    The log adds `skew` to its server's time; there it never goes back.
    """
    keys = await asyncio.to_thread(server.ask, "KEYS", "*:meta")
    for key in keys.split():
        if key.startswith("blackroad"):
            minutes_us = str(4 * 60 * 10**6)
            await asyncio.to_thread(server.ask, "HINCRBY", key, "skew", minutes_us)
    yield
