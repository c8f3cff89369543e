"""Cores on one server of the log, as `part`s, and how to wait for what they know."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager

from blackroad.core.log.redis.embedded import server_binary
from tests.processes import Part, part
from tests.servers import Server


@contextmanager
def fleet(**settings: str) -> Generator[tuple[str, str]]:
    """Run two cores on one server; give their addresses."""
    server = Server(server_binary())
    log = f"redis://127.0.0.1:{server.port}"
    try:
        with (
            part("core", GRPC="127.0.0.1:0", LOG=log, **settings) as one,
            part("core", GRPC="127.0.0.1:0", LOG=log, **settings) as other,
        ):
            yield one.addresses["grpc"], other.addresses["grpc"]
    finally:
        server.end()


@contextmanager
def fleet_of_three() -> Generator[list[Part]]:
    """Run three cores on one server."""
    server = Server(server_binary())
    log = f"redis://127.0.0.1:{server.port}"
    try:
        with ExitStack() as cores:
            yield [cores.enter_context(part("core", GRPC="127.0.0.1:0", LOG=log)) for _ in range(3)]
    finally:
        server.end()


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> float:
    """Return after how many seconds something holds; fail where it does not in time."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 (it is asked over the network)
            await asyncio.sleep(0.02)
    return time.monotonic() - began
