"""The log in a Redis or Valkey server: what all nodes write and read."""

from collections.abc import AsyncIterator, Sequence
from heapq import merge
from operator import attrgetter

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import (
    Append,
    Appended,
    ChannelState,
    GapReason,
    HistoryPage,
    Page,
    Visible,
)
from blackroad.core.log.entry import Entry, Passed, Position, Positions
from blackroad.core.log.follower import Follower
from blackroad.core.log.redis.codec import Read
from blackroad.core.log.redis.settings import RedisLogSettings
from blackroad.core.log.redis.station import OtherLayoutError, Station
from blackroad.core.log.redis.writer import Waiting
from blackroad.core.log.selection import Selection, everything

__all__ = ["OtherLayoutError", "RedisLog", "RedisLogSettings"]


class RedisLog(Station):
    """A `Log` that many nodes share. `open` before it is used."""

    engine = "redis"

    def __init__(self, settings: RedisLogSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.replicates = settings.replicates
        self._follower: Follower | None = None
        self._from: list[Position] = []  # what the follower is given lies after

    async def append(self, appends: Sequence[Append]) -> list[Appended | Rejection]:
        """Append each of the appends, in order of each partition; see `Log`."""
        if self._closed or not self._healthy:
            text = "the log is closed" if self._closed else "the log is away"
            return [Rejection(Code.UNAVAILABLE, text) for _ in appends]
        waiting = Waiting(len(appends))
        for place, append in enumerate(appends):
            self._part(append.key).writer.put(waiting, place, append)
        await waiting.future
        for answer in reversed(waiting.answers):  # the latest of a partition comes first
            if isinstance(answer, Appended):
                part = self._parts[answer.partition]
                if (answer.epoch, answer.sequence) > part.own:
                    part.own = answer.position
        return waiting.answers

    def follow(self) -> AsyncIterator[list[Entry]]:
        """Yield every entry appended from this call on. A later call takes over, and ends this."""
        if self._follower:
            self._follower.end()
        self._from = [max(part.own, part.replica.head) for part in self._parts]
        self._follower = Follower(tuple(self._from), self.settings.ring_bytes)
        if self._closed:
            self._follower.end()
        return self._follower

    def want(self, topic: str) -> None:
        """Note that a topic is followed; see `Log`."""
        if self.partitions > 1:
            self.attendance.want(topic)

    def unwant(self, topic: str) -> None:
        """Note that a topic is followed by one less."""
        if self.partitions > 1:
            self.attendance.unwant(topic)

    def pass_to(self, passed: Passed) -> bool:
        """Tell whether to go on after a place; see `Log`."""
        return self._parts[passed.partition].pass_to(passed)

    async def ready(self, topics: Sequence[str]) -> None:
        """Return when the topics' partitions are read; see `Log`. Raises `Rejection`."""
        if self.partitions > 1:
            await self.attendance.ready(topics)

    async def freshen(self, places: Positions) -> None:
        """Have `heads` come near these places also where nothing is followed."""
        if self.partitions > 1:
            await self.attendance.freshen(places)

    def heads(self) -> Positions:
        """Return the place that the follower has come to; before the first, what was read."""
        return self._follower.heads if self._follower else self._ends

    def missing(self, topics: Sequence[str], after: Positions) -> GapReason | None:
        """Tell why resuming the topics after a place would miss events; see `Log`."""
        self._settle()
        return self._missing(Selection(topics, everything), after)

    def read(
        self,
        topics: Sequence[str],
        after: Positions,
        until: Positions,
        max_bytes: int,
        visible: Visible,
    ) -> Page | GapReason | None:
        """Return the entries of the topics after a place; see `Log`."""
        now_ns = self._settle()
        selection = Selection(topics, visible)
        if reason := self._missing(selection, after):
            return reason
        entries: list[Entry] = []
        reached = list(after)
        for part, start, end in zip(self._parts, after, until, strict=True):
            names = selection.names_in(part.number, self.partitions)
            page = part.replica.read(selection, names, start, end, max_bytes, now_ns)
            if page is None or isinstance(page, GapReason):
                return page
            entries += page.entries
            reached[part.number] = page.reached
            max_bytes -= page.bytes
        return Page(entries, tuple(reached))

    async def fetch(
        self, topics: Sequence[str], after: Positions, until: Positions
    ) -> GapReason | None:
        """Bring to hand what comes after a place; see `Log`. Raises `Rejection` where it cannot."""
        del until
        selection = Selection(topics, everything)
        if len(after) == len(self._parts):
            for part, place in zip(self._parts, after, strict=True):
                names = selection.names_in(part.number, self.partitions)
                await part.fetch(selection, names, place)
        return self.missing(topics, after)

    async def history(
        self, key: str, limit: int, *, before: int | None = None, after: int | None = None
    ) -> HistoryPage:
        """Return a page of a channel's history; see `Log`. Raises `Rejection` where it cannot."""
        asker = self._part(key).asker
        numbers = await asker.numbers(key)
        now_ns = self.time.now_ns()
        oldest_ns = now_ns - numbers.kept_us * 1000 if numbers and numbers.kept_us else 0
        found: list[Entry] = []
        newest_first = after is None
        low, high = -1 if after is None else after, before
        while len(found) <= limit:
            chunk = await asker.history(key, low, high, newest_first=newest_first)
            if not chunk:
                break
            low, high = (low, chunk[-1].offset) if newest_first else (chunk[-1].offset, high)
            found += [
                entry
                for entry in chunk
                if entry.time_ns > oldest_ns and not 0 < entry.expires_ns <= now_ns
            ]
        entries = found[:limit]
        return HistoryPage(entries[::-1] if newest_first else entries, len(found) > limit)

    def newest(
        self, topics: Sequence[str], limit: int, until: Positions, visible: Visible
    ) -> tuple[Sequence[Entry], bool]:
        """Return the newest entries of the topics at hand; see `Log`. Partitions merge by time."""
        now_ns = self._settle()
        selection = Selection(topics, visible)
        runs: list[list[Entry]] = []
        whole = True
        for part, end in zip(self._parts, until, strict=True):
            names = selection.names_in(part.number, self.partitions)
            run, all_of_it = part.replica.newest(selection, names, end, limit, now_ns)
            runs.append(run)
            whole = whole and all_of_it
        entries = list(merge(*runs, key=attrgetter("time_ns")))
        return entries[max(0, len(entries) - limit) :], whole

    async def state(self, key: str) -> ChannelState | None:
        """Return what is known of a channel; see `Log`. Raises `Rejection` where it cannot."""
        part = self._part(key)
        numbers = await part.asker.numbers(key)
        if numbers is None:
            return None
        last = Position(part.replica.head.epoch, numbers.sequence)
        times = numbers.created_us * 1000, numbers.updated_us * 1000
        return ChannelState(numbers.offset, last, *times)

    async def names(self, pattern: str, after: str, limit: int) -> list[str]:
        """Return the keys of channels that match, in their order, after a key.

        Raises `Rejection` where the server must be asked and cannot.
        """
        for part in self._parts:
            await (part.read_own() if part.feed.attended else part.look())
        self._settle()
        return self.catalog.page(pattern, after, limit)

    async def forget(self, key: str) -> None:
        """Drop a channel's history; its numbers are kept. Raises `Rejection` where it cannot."""
        await self._part(key).asker.forget(key)

    def _missing(self, selection: Selection, after: Positions) -> GapReason | None:
        if len(after) != len(self._parts):
            return GapReason.EPOCH_CHANGED
        for part, place in zip(self._parts, after, strict=True):
            names = selection.names_in(part.number, self.partitions)
            if reason := part.replica.missing(selection, names, place):
                return reason
        return None

    def _settle(self) -> int:
        """Let go of what is past its time; return the time."""
        now_ns = self.time.now_ns()
        for part in self._parts:
            part.replica.settle(now_ns)
        return now_ns

    def _begin_following(self) -> None:
        if self._follower is not None:
            self._from = list(self._ends)
            self._follower.begin(self._ends)

    def _end_following(self) -> None:
        if self._follower is not None:
            self._follower.end()

    def _took(self, reads: Sequence[Read]) -> None:
        if self._follower is None:
            self._pass_all(reads)
            return
        start = self._from[reads[0].entry.partition]
        entries = [read.entry for read in reads]
        if entries[0].position <= start and entries[0].key:
            entries = [entry for entry in entries if entry.position > start]
        if entries:
            self._follower.put(entries)

    def _pass_all(self, reads: Sequence[Read]) -> None:
        for read in reads:
            if isinstance(read.entry, Passed):
                self.pass_to(read.entry)
