"""How fast the memory log takes events: batches of 64 small ones, each to another channel.

Run: python -m benchmarks.log_append
"""

import asyncio
import gc
import time

from blackroad.core.clock import SystemClock
from blackroad.core.log.base import Append, Record
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings

BATCHES = 4_000
BATCH = 64


async def measure(*, followed: bool, keyed: bool) -> float:
    """Return microseconds an event, the making of the appends included."""
    log = MemoryLog(MemoryLogSettings(idempotency_keys=BATCHES * BATCH), SystemClock())
    follower = log.follow() if followed else None
    keys = [f"default.room.{number}" for number in range(BATCH)]
    body = b"x" * 100
    gc.collect()
    began = time.perf_counter()
    for batch in range(BATCHES):
        await log.append(
            [
                Append(
                    key,
                    (Record(f"ev_{batch}", "message", body),),
                    idempotency=("ada", str(batch)) if keyed else None,
                )
                for key in keys
            ]
        )
        if follower:
            await anext(follower)
    return (time.perf_counter() - began) / (BATCHES * BATCH) * 1e6


async def main() -> None:
    """Print what each way costs."""
    for name, followed, keyed in [
        ("append", False, False),
        ("append, followed", True, False),
        ("append, followed, with idempotency keys", True, True),
    ]:
        best = min([await measure(followed=followed, keyed=keyed) for _ in range(3)])
        print(f"{name}: {best:.2f} us an event, {1e6 / best:,.0f} events a second")


if __name__ == "__main__":
    asyncio.run(main())
