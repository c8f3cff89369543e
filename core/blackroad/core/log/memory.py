"""The log in this process's memory: the embedded default. A restart is a declared gap."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
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
from blackroad.core.log.catalog import Catalog
from blackroad.core.log.entry import Entry, Passed, Position, Positions
from blackroad.core.log.follower import Follower
from blackroad.core.log.history import Histories
from blackroad.core.log.idempotency import Answers
from blackroad.core.log.layout import partition_of
from blackroad.core.log.numbers import Channels
from blackroad.core.log.partition import Partition
from blackroad.core.log.reading import newest_of, read_partition
from blackroad.core.log.ring import Ring
from blackroad.core.log.selection import Selection, everything


@dataclass(frozen=True, slots=True)
class MemoryLogSettings:
    """The bounds of a memory log, all its partitions together."""

    partitions: int = 1
    retain_bytes: int = 64 << 20  # for resuming
    retain_seconds: float = 300.0
    history_bytes: int = 256 << 20
    max_channels: int = 200_000
    idle_seconds: float = 3600.0  # that a channel's numbers are kept after its last event
    idempotency_keys: int = 1_000_000  # of 5 to 10 minutes


class MemoryLog:
    """A `Log` whose every method answers at once: nothing suspends but the follower's wait."""

    engine = "memory"
    replicates = False

    def __init__(self, settings: MemoryLogSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        now_ns = clock.time_ns()
        self._catalog = Catalog(self._exists)
        self._parts = [
            _partition(number, settings, self._catalog, now_ns)
            for number in range(settings.partitions)
        ]
        self._follower: Follower | None = None
        self._now_ns = now_ns
        self._closed = False

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return len(self._parts)

    @property
    def healthy(self) -> bool:
        """Whether it is open."""
        return not self._closed

    async def append(self, appends: Sequence[Append]) -> list[Appended | Rejection]:
        """Append each of the appends, in order; see `Log`."""
        if self._closed:
            return [Rejection(Code.UNAVAILABLE, "the log is closed") for _ in appends]
        now_ns = self._settle()
        entries: list[Entry] = []
        only = self._parts[0] if len(self._parts) == 1 else None
        part = self._part
        answers = [(only or part(append.key)).append(append, now_ns, entries) for append in appends]
        if entries and self._follower:
            self._follower.put(entries)
        return answers

    def follow(self) -> AsyncIterator[list[Entry]]:
        """Yield every entry appended from this call on. A later call takes over, and ends this.

        Where the follower falls behind by more than is retained, its next batch begins after a
        hole in the sequences.
        """
        if self._follower:
            self._follower.end()
        self._follower = Follower(self._ends, self._settings.retain_bytes)
        if self._closed:
            self._follower.end()
        return self._follower

    def want(self, topic: str) -> None:
        """Do nothing: everything is yielded."""

    def unwant(self, topic: str) -> None:
        """Do nothing."""

    def pass_to(self, passed: Passed) -> bool:
        """Do nothing: there is nothing to pass."""
        del passed
        return False

    async def ready(self, topics: Sequence[str]) -> None:
        """Do nothing: everything is at hand."""

    async def freshen(self, places: Positions) -> None:
        """Do nothing."""

    def heads(self) -> Positions:
        """Return the place that the follower has come to; before the first, the log's end."""
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
    ) -> Page | GapReason:
        """Return the entries of the topics after a place; see `Log`. Everything is at hand."""
        now_ns = self._settle()
        selection = Selection(topics, visible)
        if reason := self._missing(selection, after):
            return reason
        entries: list[Entry] = []
        reached = list(after)
        for part, start, end in zip(self._parts, after, until, strict=True):
            names = selection.names_in(part.number, self.partitions)
            page = read_partition(part, selection, names, start, end, max_bytes, now_ns)
            entries += page.entries
            reached[part.number] = page.reached
            max_bytes -= page.bytes
        return Page(entries, tuple(reached))

    async def fetch(
        self, topics: Sequence[str], after: Positions, until: Positions
    ) -> GapReason | None:
        """Tell what is gone; there is nothing to bring."""
        del until
        return self.missing(topics, after)

    async def history(
        self, key: str, limit: int, *, before: int | None = None, after: int | None = None
    ) -> HistoryPage:
        """Return a page of a channel's history; see `Log`."""
        now_ns = self._settle()
        return self._part(key).histories.page(key, limit, before, after, now_ns)

    def newest(
        self, topics: Sequence[str], limit: int, until: Positions, visible: Visible
    ) -> tuple[Sequence[Entry], bool]:
        """Return the newest retained entries of the topics; see `Log`. Partitions merge by time."""
        now_ns = self._settle()
        selection = Selection(topics, visible)
        runs: list[list[Entry]] = []
        whole = True
        for part, end in zip(self._parts, until, strict=True):
            names = selection.names_in(part.number, self.partitions)
            run, all_of_it = newest_of(part, selection, names, end, limit, now_ns)
            runs.append(run)
            whole = whole and all_of_it
        entries = list(merge(*runs, key=attrgetter("time_ns")))
        return entries[max(0, len(entries) - limit) :], whole

    async def state(self, key: str) -> ChannelState | None:
        """Return what is known of a channel; see `Log`."""
        self._settle()
        part = self._part(key)
        channel = part.channels.get(key)
        if channel is None:
            return None
        last = Position(part.epoch, channel.sequence)
        return ChannelState(channel.offset, last, channel.created_ns, channel.updated_ns)

    async def names(self, pattern: str, after: str, limit: int) -> list[str]:
        """Return the keys of channels that match, in their order, after a key."""
        self._settle()
        return self._catalog.page(pattern, after, limit)

    async def forget(self, key: str) -> None:
        """Drop a channel's history; its numbers are kept."""
        self._part(key).histories.forget(key)

    async def close(self) -> None:
        """Refuse appends, end the follower. Idempotent."""
        self._closed = True
        if self._follower:
            self._follower.end()

    @property
    def _ends(self) -> Positions:
        return tuple([part.head for part in self._parts])

    def _part(self, key: str) -> Partition:
        parts = self._parts
        return parts[partition_of(key, len(parts))] if len(parts) > 1 else parts[0]

    def _exists(self, key: str) -> bool:
        return self._part(key).channels.get(key) is not None

    def _missing(self, selection: Selection, after: Positions) -> GapReason | None:
        if len(after) != len(self._parts):
            return GapReason.EPOCH_CHANGED
        reasons = (
            part.missing(selection, selection.names_in(part.number, self.partitions), place)
            for part, place in zip(self._parts, after, strict=True)
        )
        return next((reason for reason in reasons if reason), None)

    def _settle(self) -> int:
        """Let go of what is past its time; return a time that never goes back."""
        self._now_ns = max(self._now_ns, self._clock.time_ns())
        for part in self._parts:
            part.settle(self._now_ns)
        return self._now_ns


def _partition(
    number: int, settings: MemoryLogSettings, catalog: Catalog, now_ns: int
) -> Partition:
    count = settings.partitions
    channels = Channels(settings.max_channels // count, settings.idle_seconds, catalog)
    return Partition(
        number,
        now_ns // 1_000_000,
        Ring(settings.retain_bytes // count, settings.retain_seconds, channels),
        channels,
        Histories(settings.history_bytes // count),
        Answers(settings.idempotency_keys // count, now_ns),
    )
