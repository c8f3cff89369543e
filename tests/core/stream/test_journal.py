"""The journal: in which order what was said comes into the log."""

import asyncio

from blackroad.core.clock import SystemClock
from blackroad.core.log.base import Keep
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.record import Record
from blackroad.core.stream.journal import Journal


async def test_what_is_said_beside_answers_keeps_its_order_across_channels() -> None:
    log = MemoryLog(MemoryLogSettings(), SystemClock())
    journal = Journal(log, 1 << 20, lambda key: Keep())
    batches = log.follow()
    running = asyncio.ensure_future(journal.run())
    said = ["t.task.1.state", "t.task.1.progress", "t.task.1.progress", "t.task.1.state"]
    for number, key in enumerate(said):
        journal.publish(key, Record(f"ev_{number}", "said", b""))
    async with asyncio.timeout(10):
        batch = await anext(batches)
    running.cancel()
    await asyncio.wait([running])
    assert [entry.key for entry in batch] == said
