"""What the memory log takes for an event: batches of 64 small ones, each of another channel."""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.harness.measure import Bench, Metric, WrongCount
from blackroad.core.clock import SystemClock
from blackroad.core.errors import Rejection
from blackroad.core.log.base import Append
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.record import Record

BATCH: Final = 64
BODY: Final = b"x" * 100
KEYS: Final = tuple(f"default.room.{number}" for number in range(BATCH))
COST: Final = Metric("append, the making of it included: CPU of an event", "us")


@dataclass(frozen=True, slots=True)
class Appending:
    """A log of its own each round, in this process."""

    name: str
    batches: int
    followed: bool = False
    keyed: bool = False

    async def round(self) -> Mapping[Metric, float]:
        """Append, and read what was appended where it is followed."""
        settings = MemoryLogSettings(idempotency_keys=self.batches * BATCH)
        log = MemoryLog(settings, SystemClock())
        follower = log.follow() if self.followed else None
        gc.collect()
        began, came = time.process_time(), 0
        for batch in range(self.batches):
            answers = await log.append(self._appends(batch))
            came += sum(not isinstance(answer, Rejection) for answer in answers)
            if follower is not None:
                await anext(follower)
        seconds = time.process_time() - began
        if came != self.batches * BATCH:
            raise WrongCount(f"{came} of {self.batches * BATCH} events were taken")
        return {COST: seconds / came * 1e6}

    def _appends(self, batch: int) -> list[Append]:
        idempotency = ("ada", str(batch)) if self.keyed else None
        return [
            Append(key, (Record(f"ev_{batch}", "message", BODY),), idempotency=idempotency)
            for key in KEYS
        ]


async def measure(bench: Bench) -> None:
    """Compare how much a follower and idempotency keys add."""
    batches = bench.scale(2_000, 20)
    contenders = [
        Appending("memory log", batches),
        Appending("memory log, followed", batches, followed=True),
        Appending("memory log, followed, with keys", batches, followed=True, keyed=True),
    ]
    await bench.compare("log", contenders)
