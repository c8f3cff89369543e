"""Tells the log of changed records: all of a tick at once, what can wait once a second."""

import asyncio
from heapq import heappop, heappush
from itertools import islice

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import MAX_APPEND_EVENTS, Append, Appended, Fence, Log
from blackroad.core.presence.record import ABSENT, Record, View
from blackroad.core.publisher import Publisher

PACE_SECONDS = 1.0
RETRY_SECONDS = 1.0


class Teller:
    """Owes the log one event for each record that changed since it was told last.

    A change of what the entries come to (`View`) is owed at once; any other (sessions behind an
    unchanged view, how busy they are) is told at most once a second. What the log refuses stays
    owed, as it stands when it is tried again. Where there are other nodes, each event says what its
    node knew of the board, and one that knew less than an earlier one is refused.
    """

    def __init__(self, log: Log, publisher: Publisher, clock: Clock) -> None:
        self._log = log
        self._publisher = publisher
        self._clock = clock
        self.order = 0  # grows with what is known of other nodes; 0: there are none
        self._owed: dict[str, Record] = {}
        self._later: list[tuple[float, str, Record]] = []
        self._retry_at = float("-inf")
        self._round = asyncio.Event()
        self.changed = asyncio.Event()

    @property
    def backlog(self) -> int:
        """How many records changed and were not looked at yet."""
        return len(self._owed)

    @property
    def due(self) -> float:
        """The monotonic second at which `tell` has something to do; infinite where it has not."""
        if self._owed:
            return self._retry_at
        return self._later[0][0] if self._later else float("inf")

    def owe(self, record: Record) -> None:
        """Note that a record changed."""
        self._owed[record.key] = record
        self.changed.set()

    async def told(self) -> None:
        """Return when what is owed by now was offered to the log, whether or not it was taken."""
        await self._round.wait()

    def release(self) -> None:
        """Let all who wait for `told` go on."""
        done, self._round = self._round, asyncio.Event()
        done.set()

    async def tell(self) -> None:
        """Append what is owed and due. One call at a time."""
        now = self._clock.monotonic()
        self._collect(now)
        if self._owed and now < self._retry_at:
            self.release()
            return
        done, self._round = self._round, asyncio.Event()
        try:
            while self._owed:
                batch = list(islice(self._owed.values(), MAX_APPEND_EVENTS))
                for record in batch:
                    del self._owed[record.key]
                if not await self._append(batch, now):
                    break
        finally:
            done.set()

    def _collect(self, now: float) -> None:
        """Take up what has waited long enough."""
        while self._later and self._later[0][0] <= now:
            _, key, record = heappop(self._later)
            record.postponed = False
            self._owed.setdefault(key, record)

    async def _append(self, batch: list[Record], now: float) -> bool:
        """Append the events of those records that have news; tell whether the log took them all."""
        telling = [(record, *news) for record in batch if (news := self._news(record, now))]
        if not telling:
            return True
        answers = await self._log.append([self._event(record, view) for record, view, _ in telling])
        taken = [
            self._settle(record, view, version, answer, now)
            for (record, view, version), answer in zip(telling, answers, strict=True)
        ]
        return all(taken)

    def _news(self, record: Record, now: float) -> tuple[View, int] | None:
        """Return what is to be told now, and its version; None where nothing is, or it can wait."""
        if record.version == record.told_version and record.told is not None:
            return None
        view = record.view
        if view == record.told == ABSENT:
            record.told_version = record.version
            return None
        if view == record.told and now < record.told_at + PACE_SECONDS:
            if not record.postponed:
                record.postponed = True
                heappush(self._later, (record.told_at + PACE_SECONDS, record.key, record))
            return None
        return view, record.version

    def _event(self, record: Record, view: View) -> Append:
        entity = record.entity
        event = self._publisher.record(
            record.name,
            entity.event_type,
            sender=entity.id,
            kind=entity.kind,
            json=record.news(view, self._clock.time_ns()),
        )
        fence = Fence(self.order) if self.order else None
        return Append(record.key, [event], keep=self._publisher.keep(record.key), fence=fence)

    def _settle(
        self, record: Record, view: View, version: int, answer: Appended | Rejection, now: float
    ) -> bool:
        """Note what the log made of an event; where it may not be there, it is owed again."""
        if isinstance(answer, Rejection):
            record.told = None
            if self.order and answer.code is Code.CONFLICT:
                record.told_version = version  # another node told it that knew all this, and more
                return True
            self._retry_at = now + RETRY_SECONDS
            self._owed.setdefault(record.key, record)
            return False
        record.told, record.told_version, record.told_at = view, version, now
        record.partition, record.position = answer.partition, answer.position
        return True
