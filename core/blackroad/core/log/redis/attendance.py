"""Which partitions a node reads: those that somebody on it follows, or has lately asked for."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.entry import Positions
from blackroad.core.log.layout import partitions_of
from blackroad.core.log.redis.link import AwayError, RefusedError
from blackroad.core.log.redis.part import Part
from blackroad.core.log.redis.reader import Reader

READY_SECONDS: Final = 5.0


class Attendance:
    """Has partitions read from their first follower until some seconds after their last one.

    Of the others the node reads what lasts and the canaries, so that its place there is a second
    old at most: from that place on whoever begins to follow gets everything. `together` are the
    partitions by the connection that reads them.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        together: Sequence[Sequence[Part]],
        clock: Clock,
        linger_seconds: float,
    ) -> None:
        self._readers = list(zip(readers, together, strict=True))
        self._parts = [part for parts in together for part in parts]
        self._clock = clock
        self._linger_seconds = linger_seconds
        self._changed = asyncio.Event()

    def want(self, topic: str) -> None:
        """Note that a topic is followed: one call for each of `unwant`."""
        for part in self._of(topic):
            part.followed += 1
            self._need(part)

    def unwant(self, topic: str) -> None:
        """Note that a topic is followed by one less."""
        for part in self._of(topic):
            part.followed -= 1
            if not part.followed:
                self._ask_for(part)
                self._changed.set()

    async def ready(self, topics: Sequence[str]) -> None:
        """Return when the partitions of the topics are read, for some seconds at least.

        Raises `Rejection` where the server cannot be asked.
        """
        waiting: dict[int, Part] = {}
        for part in (part for topic in topics for part in self._of(topic)):
            if part.feed.attended:
                self._ask_for(part)
                part.feed.wanted = True
            else:
                waiting[part.number] = part
        if not waiting:
            return
        try:
            async with asyncio.timeout(READY_SECONDS):
                for part in waiting.values():
                    await part.arrive()  # it is read from there on
                    self._ask_for(part)
                    self._need(part)
                for part in waiting.values():
                    await part.feed.until_attended()
        except (AwayError, RefusedError, TimeoutError) as error:
            raise Rejection(Code.UNAVAILABLE, "the log cannot be read now") from error

    async def freshen(self, places: Positions) -> None:
        """Bring the places of partitions that are not read up to these, if the log is there."""
        for part, place in zip(self._parts, places, strict=True):
            if not part.feed.attended and part.replica.head < place:
                with contextlib.suppress(AwayError, RefusedError):
                    await part.beat()

    async def run(self) -> None:
        """Have the readers turn to what is wanted, until cancelled."""
        for part in self._parts:
            self._ask_for(part)
        while True:
            self._changed.clear()
            now = self._clock.monotonic()
            for part in self._parts:
                part.feed.wanted = part.followed > 0 or part.asked_until > now
            for reader, parts in self._readers:
                if any(part.feed.wanted and not part.feed.attended for part in parts):
                    await reader.wake()
            ends = [p.asked_until for p in self._parts if not p.followed and p.asked_until > now]
            try:
                async with asyncio.timeout(min(ends) - now if ends else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _need(self, part: Part) -> None:
        part.feed.wanted = True  # where it is still read, it goes on so
        if not part.feed.attended:
            self._changed.set()

    def _ask_for(self, part: Part) -> None:
        part.asked_until = self._clock.monotonic() + self._linger_seconds

    def _of(self, topic: str) -> Iterator[Part]:
        return (self._parts[number] for number in partitions_of(topic, len(self._parts)))
