"""The engines that fulfil the contract of the log, and how a test opens one and lets time pass."""

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from blackroad.core.clock import FakeClock, SystemClock
from blackroad.core.log.base import Log
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.redis.address import Address
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.link import Link
from blackroad.core.log.redis.log import RedisLog, RedisLogSettings
from blackroad.core.log.redis.places import places_of
from tests.servers import cluster, debian, sentinels, valkey


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a test may want to be small. For all partitions together."""

    retain_bytes: int = 64 << 20
    max_channels: int = 200_000
    idempotency_keys: int = 200_000
    history_bytes: int = 256 << 20


class Engine(Protocol):
    """One way to have a log. What it opens is new and empty, with a new epoch."""

    def open(self, bounds: Bounds = ...) -> AbstractAsyncContextManager[Log]:
        """Return a log that is closed in the end."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Return when the opened log has become so much older."""
        ...


class MemoryEngine:
    """The memory log on a clock that the test moves."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._clock = FakeClock()

    @asynccontextmanager
    async def open(self, bounds: Bounds = Bounds()) -> AsyncGenerator[Log]:
        """Return a log that is closed in the end."""
        self._clock.advance(0.001)
        settings = MemoryLogSettings(
            partitions=self._partitions,
            retain_bytes=bounds.retain_bytes,
            max_channels=bounds.max_channels,
            idempotency_keys=bounds.idempotency_keys,
            history_bytes=bounds.history_bytes,
        )
        log = MemoryLog(settings, self._clock)
        yield log
        await log.close()

    async def pass_time(self, seconds: float) -> None:
        """Move the clock."""
        self._clock.advance(seconds)


class Place(Protocol):
    """Servers of a test."""

    @property
    def address(self) -> Address:
        """How a log reaches them."""
        ...


class RedisEngine:
    """A log in a server that is shared by the tests: each has keys of its own."""

    def __init__(self, server: Callable[[], Place], partitions: int, ring_share: int = 1) -> None:
        self._server = server
        self._partitions = partitions
        self._ring_share = ring_share
        self._log: RedisLog | None = None

    @asynccontextmanager
    async def open(self, bounds: Bounds = Bounds()) -> AsyncGenerator[Log]:
        """Return a log that is closed in the end."""
        settings = RedisLogSettings(
            self._server().address,
            prefix=secrets.token_hex(4),
            partitions=self._partitions,
            retain_bytes=bounds.retain_bytes,
            ring_bytes=bounds.retain_bytes // self._ring_share,
            max_channels=bounds.max_channels,
            idempotency_keys=bounds.idempotency_keys,
            history_bytes=bounds.history_bytes,
        )
        self._log = log = RedisLog(settings, SystemClock())
        await log.open()
        log.want(">")  # so that every partition is read, as long as a test may take
        try:
            yield log
        finally:
            await log.close()

    async def pass_time(self, seconds: float) -> None:
        """Have the server's time go on."""
        assert self._log is not None
        settings = self._log.settings
        places = places_of(settings.address, settings.prefix)
        for number in range(self._partitions):
            link = Link(places, number)
            meta = Keys(settings.prefix, number).meta
            await link.call("HINCRBY", meta, "skew", int(seconds * 1e6))
            await link.close()
        await self._log.beat()


ENGINES: dict[str, Callable[[], Engine]] = {
    "memory-1": lambda: MemoryEngine(1),
    "memory-4": lambda: MemoryEngine(4),
    "valkey-1": lambda: RedisEngine(valkey, 1),
    "valkey-4": lambda: RedisEngine(valkey, 4),
    # Of what is retained a node has a part at hand: the rest is fetched.
    "valkey-fetched": lambda: RedisEngine(valkey, 1, ring_share=16),
    "cluster": lambda: RedisEngine(cluster, 4),
    "sentinel": lambda: RedisEngine(sentinels, 1),
    "redis-1": lambda: RedisEngine(debian, 1),
}
MARKS = {
    "cluster": [pytest.mark.slow],
    "sentinel": [pytest.mark.slow],
    "redis-1": [pytest.mark.redis],
}

EVERY_ENGINE = [
    pytest.param(make, id=name, marks=MARKS.get(name, ())) for name, make in ENGINES.items()
]
