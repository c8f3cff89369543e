"""The engines that fulfil the contract of the log, and how a test opens one and lets time pass."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from blackroad.core.clock import FakeClock
from blackroad.core.log.base import Log
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a test may want to be small. For all partitions together."""

    retain_bytes: int = 64 << 20
    max_channels: int = 200_000
    idempotency_keys: int = 200_000


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
        )
        log = MemoryLog(settings, self._clock)
        yield log
        await log.close()

    async def pass_time(self, seconds: float) -> None:
        """Move the clock."""
        self._clock.advance(seconds)


ENGINES: dict[str, Callable[[], Engine]] = {
    "memory-1": lambda: MemoryEngine(1),
    "memory-4": lambda: MemoryEngine(4),
}
