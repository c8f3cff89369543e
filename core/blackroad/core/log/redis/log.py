"""The log in a Redis or Valkey server: what all nodes write and read."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter
from typing import Final

import structlog

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import (
    Append,
    Appended,
    ChannelState,
    GapReason,
    HistoryPage,
    Kept,
    Page,
    Visible,
)
from blackroad.core.log.catalog import Catalog
from blackroad.core.log.entry import Entry, Position, Positions
from blackroad.core.log.follower import Follower
from blackroad.core.log.idempotency import ROTATION_SECONDS
from blackroad.core.log.layout import partition_of
from blackroad.core.log.redis.address import Address, Kind
from blackroad.core.log.redis.asker import Asker
from blackroad.core.log.redis.codec import Limits, Read
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.link import AwayError, Link, RefusedError
from blackroad.core.log.redis.part import Part
from blackroad.core.log.redis.places import places_of
from blackroad.core.log.redis.reader import Reader
from blackroad.core.log.redis.replica import Replica
from blackroad.core.log.redis.server_time import ServerTime
from blackroad.core.log.redis.writer import Waiting, Writer
from blackroad.core.log.selection import Selection, everything

LOG = structlog.get_logger(__name__)

BEAT_SECONDS: Final = 1.0
PROOF_SECONDS: Final = 3.0  # without a canary that came back: not healthy
RETRY_SECONDS: Final = 0.25


class OtherLayoutError(Exception):
    """The server has its log in another number of partitions."""


@dataclass(frozen=True, slots=True)
class RedisLogSettings:
    """Where the log is, and its bounds, all partitions together."""

    address: Address
    prefix: str = "blackroad"
    partitions: int = 1
    incarnation: str = ""  # in the place of the server's own, where its data outlives its run
    retain_bytes: int = 256 << 20  # for resuming, in the server
    retain_seconds: float = 300.0
    ring_bytes: int = 64 << 20  # of it, in each node
    max_channels: int = 200_000
    idle_seconds: float = 3600.0
    idempotency_keys: int = 1_000_000
    replicas: int = 0  # that must have an event before it is acknowledged
    replicas_seconds: float = 1.0
    lasting: frozenset[str] = frozenset()  # types of events that `lasting` returns


class RedisLog:
    """A `Log` that many nodes share. `open` before it is used; it reconnects by itself.

    `changed` is told when the server is lost and when it is back, and for how long it was away.
    """

    engine = "redis"

    def __init__(self, settings: RedisLogSettings, clock: Clock) -> None:
        self.settings = settings
        self.node = secrets.token_hex(8)
        self.time = ServerTime(clock)
        self.catalog = Catalog(self._exists)
        self.changed: Callable[[bool, float], None] = lambda healthy, seconds: None
        self._clock = clock
        self._places = places_of(settings.address, settings.prefix)
        self._parts = [self._made(number) for number in range(settings.partitions)]
        self._readers = [self._reader(parts) for parts in self._read_together()]
        self._follower: Follower | None = None
        self._from: list[Position] = []  # what the follower is given lies after
        self._main: asyncio.Task[None] | None = None
        self._healthy = False
        self._lost_at: float | None = None
        self._closed = False

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return len(self._parts)

    @property
    def healthy(self) -> bool:
        """Whether canaries come back."""
        return self._healthy and not self._closed

    def set_incarnation(self, incarnation: str) -> None:
        """Say whose data they are, in the place of the server's own run; before `open`."""
        for part in self._parts:
            part.writer.incarnation = incarnation

    async def open(self) -> Kept:
        """Return when the server is reached and its log is at hand; say where that takes long.

        Returns what there is of events of lasting types up to `heads`. Raises `OtherLayoutError`.
        """
        kept = await self._begun()
        self._lost_at = None
        if self._follower is not None:
            self._from = list(self._ends)
            self._follower.begin(self._ends)
        for part in self._parts:
            part.well = True
        self._healthy = True
        self._main = asyncio.create_task(self._run(), name="log")
        return kept

    @property
    def unfolded(self) -> int:
        """About how many events of lasting types are kept one by one."""
        return sum([part.unfolded for part in self._parts])

    async def lasting(self) -> list[Entry]:
        """Return the events of lasting types that are kept one by one, in order of partitions.

        Raises `Rejection` where the server cannot be asked.
        """
        entries: list[Entry] = []
        try:
            for part in self._parts:
                entries += await part.asker.control()
        except (AwayError, RefusedError) as error:
            raise Rejection(Code.UNAVAILABLE, "the log cannot be read now") from error
        return entries

    async def fold(self, kept: Kept) -> None:
        """Keep what these entries have made in the place of these, and of all before them.

        `made` has every channel of them. Raises `Rejection` where the server cannot be asked.
        """
        try:
            for part in self._parts:
                own = [entry for entry in kept.entries if entry.partition == part.number]
                if own:
                    keys = {entry.key for entry in own}
                    made = {key: kept.made[key] for key in keys}
                    await part.asker.fold(own[-1].position, made)
        except (AwayError, RefusedError) as error:
            raise Rejection(Code.UNAVAILABLE, "the log cannot be written now") from error

    async def append(self, appends: Sequence[Append]) -> list[Appended | Rejection]:
        """Append each of the appends, in order of each partition; see `Log`."""
        if self._closed or not self._healthy:
            text = "the log is closed" if self._closed else "the log is away"
            return [Rejection(Code.UNAVAILABLE, text) for _ in appends]
        waiting = Waiting(len(appends))
        for place, append in enumerate(appends):
            self._part(append.key).writer.put(waiting, place, append)
        await waiting.future
        for answer in waiting.answers:
            if isinstance(answer, Appended):
                part = self._parts[answer.partition]
                part.own = max(part.own, answer.position)
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
        """Return the keys of channels that match, in their order, after a key."""
        for part in self._parts:
            await part.read_own()
        self._settle()
        return self.catalog.page(pattern, after, limit)

    async def forget(self, key: str) -> None:
        """Drop a channel's history; its numbers are kept. Raises `Rejection` where it cannot."""
        await self._part(key).asker.forget(key)

    async def attend(self, partitions: Collection[int]) -> None:
        """Read only these partitions from now on: at first, all are read.

        Of the others `missing` and `read` know only what was read before.
        """
        for part in self._parts:
            part.attended = part.number in partitions
        for reader, parts in zip(self._readers, self._read_together(), strict=True):
            await reader.follow([part.feed for part in parts if part.attended])

    async def beat(self) -> None:
        """Send canaries; return when they have been read. Raises `AwayError`, `RefusedError`."""
        async with asyncio.timeout(PROOF_SECONDS):
            for part in self._parts:
                await part.beat()

    async def close(self) -> None:
        """Refuse appends, end the follower, close the connections. Idempotent."""
        self._closed = True
        if self._follower:
            self._follower.end()
        main, self._main = self._main, None
        if main is not None:
            main.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await main
        for part in self._parts:
            await part.close()

    @property
    def _ends(self) -> Positions:
        return tuple([part.replica.head for part in self._parts])

    def _part(self, key: str) -> Part:
        parts = self._parts
        return parts[partition_of(key, len(parts))] if len(parts) > 1 else parts[0]

    def _exists(self, key: str) -> bool:
        return self._part(key).replica.exists(key)

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

    def _made(self, number: int) -> Part:
        settings = self.settings
        count = settings.partitions
        limits = Limits(
            settings.retain_bytes // count,
            settings.retain_seconds,
            settings.idle_seconds,
            settings.max_channels // count,
            settings.idempotency_keys // count,
            ROTATION_SECONDS,
        )
        keys = Keys(settings.prefix, number)
        replica = Replica(number, limits, settings.ring_bytes // count, self.catalog)
        writer = Writer(number, keys, self._link(number), self.node, limits)
        writer.incarnation = settings.incarnation
        writer.lasting = settings.lasting
        writer.replicas, writer.replicas_seconds = settings.replicas, settings.replicas_seconds
        writer.now_ns = self.time.now_ns
        return Part(keys, replica, writer, Asker(number, keys, self._link(number)), self.time)

    def _link(self, partition: int) -> Link:
        return Link(self._places, partition)

    async def _begun(self) -> Kept:
        while True:
            try:
                return await self._begin()
            except (AwayError, RefusedError) as error:
                if self._lost_at is None:
                    self._lost_at = self._clock.monotonic()
                    LOG.warning("log.away", server=str(self.settings.address), error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _begin(self) -> Kept:
        """Reach the server and bring its log at hand."""
        said = await self._parts[0].asker.layout(self.partitions)
        if said != self.partitions:
            raise OtherLayoutError(
                f"the log at {self.settings.address} has {said} partitions, not {self.partitions}"
            )
        made: dict[str, bytes] = {}
        entries: list[Entry] = []
        for part in self._parts:
            await part.begin()
            # In this order: what is folded meanwhile is found twice, which does no harm.
            found = await part.asker.control()
            made |= await part.asker.folded()
            entries += [entry for entry in found if entry.position <= part.replica.head]
        return Kept(made, entries)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in self._parts:
                    tasks.create_task(part.writer.run())
                    tasks.create_task(self._watch(part))
                for reader in self._readers:
                    tasks.create_task(reader.run())
        finally:
            self._closed = True
            if self._follower:
                self._follower.end()

    def _read_together(self) -> list[list[Part]]:
        """Return the partitions by the connection that reads them: Cluster has one for each."""
        if self.settings.address.kind is Kind.CLUSTER:
            return [[part] for part in self._parts]
        return [self._parts]

    def _reader(self, parts: Sequence[Part]) -> Reader:
        first = parts[0]
        feeds = [part.feed for part in parts]
        return Reader(
            self._link(first.number), first.asker, self.node, feeds, self._reload, self._took
        )

    async def _reload(self, replica: Replica, head: Position) -> None:
        await self._parts[replica.number].reload(head)

    def _took(self, reads: Sequence[Read]) -> None:
        if self._follower is None:
            return
        start = self._from[reads[0].entry.partition]
        entries = [read.entry for read in reads]
        if entries[0].position <= start:
            entries = [entry for entry in entries if entry.position > start]
        if entries:
            self._follower.put(entries)

    async def _watch(self, part: Part) -> None:
        """Send a canary every second, and tell when it does not come back."""
        while True:
            try:
                async with asyncio.timeout(PROOF_SECONDS):
                    if part.attended:
                        await part.beat()
                part.well = True
            except (AwayError, RefusedError, TimeoutError) as error:
                if part.well:
                    LOG.warning("log.canary_lost", partition=part.number, error=str(error))
                part.well = False
            self._judge()
            await asyncio.sleep(BEAT_SECONDS if part.well else RETRY_SECONDS)

    def _judge(self) -> None:
        """Notice that the server was lost, or is back."""
        healthy = all(part.well for part in self._parts)
        if healthy is self._healthy:
            return
        self._healthy = healthy
        now = self._clock.monotonic()
        if not healthy:
            self._lost_at = now
            self.changed(False, 0.0)
        elif self._lost_at is not None:
            away, self._lost_at = now - self._lost_at, None
            LOG.warning("log.back", away_seconds=round(away, 3))
            self.changed(True, away)
