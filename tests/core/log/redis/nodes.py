"""Logs of nodes in a server of the test, and who follows them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from blackroad.core.clock import SystemClock
from blackroad.core.log.entry import Entry
from blackroad.core.log.redis.log import RedisLog, RedisLogSettings


@asynccontextmanager
async def node(settings: RedisLogSettings) -> AsyncGenerator[RedisLog]:
    """Return the log of a node."""
    log = RedisLog(settings, SystemClock())
    try:
        await log.open()
        yield log
    finally:
        await log.close()


class Reader:
    """Follows a log in a task, as the hub does, and keeps what came."""

    def __init__(self, log: RedisLog) -> None:
        self.entries: list[Entry] = []
        self._follower = log.follow()
        log.want(">")

    async def run(self) -> None:
        """Read until the log closes."""
        async for batch in self._follower:
            self.entries += batch


@asynccontextmanager
async def following(log: RedisLog) -> AsyncGenerator[Reader]:
    """Return a reader that follows from now on."""
    reader = Reader(log)
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(reached: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return once something is so."""
    async with asyncio.timeout(seconds):
        while not reached():  # noqa: ASYNC110 - no event says it
            await asyncio.sleep(0.005)
