"""A log that remembers what it took, and that can be away."""

import json
from collections.abc import Sequence

from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Append, Appended
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.realtime.v1 import event_pb2


class TapeLog(MemoryLog):
    """A memory log with a list of the types and JSON bodies of its events."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(MemoryLogSettings(), clock)
        self.away = False
        self.tape: list[tuple[str, dict[str, object]]] = []

    async def append(self, appends: Sequence[Append]) -> list[Appended | Rejection]:
        """Append, or refuse."""
        if self.away:
            return [Rejection(Code.UNAVAILABLE) for _ in appends]
        for append in appends:
            for record in append.records:
                event = event_pb2.Event.FromString(record.body)
                self.tape.append((event.type, json.loads(event.json)))
        return await super().append(appends)
