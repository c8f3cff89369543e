"""A node's place at the server: it opens, runs and closes what serves the partitions."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Collection, Sequence
from typing import Final

import structlog

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Kept
from blackroad.core.log.catalog import Catalog
from blackroad.core.log.entry import Entry, Position, Positions
from blackroad.core.log.idempotency import ROTATION_SECONDS
from blackroad.core.log.layout import partition_of
from blackroad.core.log.redis.accounts import RedisAccounts
from blackroad.core.log.redis.address import Kind
from blackroad.core.log.redis.asker import Asker
from blackroad.core.log.redis.attendance import Attendance
from blackroad.core.log.redis.codec import Limits, Read
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.link import AwayError, Link, RefusedError
from blackroad.core.log.redis.part import Part
from blackroad.core.log.redis.places import places_of
from blackroad.core.log.redis.reader import Reader
from blackroad.core.log.redis.replica import Replica
from blackroad.core.log.redis.server_time import ServerTime
from blackroad.core.log.redis.settings import RedisLogSettings
from blackroad.core.log.redis.writer import Writer

LOG = structlog.get_logger(__name__)

BEAT_SECONDS: Final = 1.0
PROOF_SECONDS: Final = 3.0  # without a canary that came back: not healthy
RETRY_SECONDS: Final = 0.25


class OtherLayoutError(Exception):
    """The server has its log in another number of partitions."""


class Station:
    """What a log stands on. It reconnects by itself.

    `changed` is told when the server is lost and when it is back, and for how long it was away.
    """

    def __init__(self, settings: RedisLogSettings, clock: Clock) -> None:
        self.settings = settings
        self.node = secrets.token_hex(8)
        self.time = ServerTime(clock)
        self.catalog = Catalog(self._exists)
        self.changed: Callable[[bool, float], None] = lambda healthy, seconds: None
        self._clock = clock
        self._places = places_of(settings.address, settings.prefix)
        self._parts = [self._made(number) for number in range(settings.partitions)]
        together = self._read_together()
        self._readers = [self._reader(parts) for parts in together]
        self.attendance = Attendance(self._readers, together, clock, settings.linger_seconds)
        self.accounts = RedisAccounts([part.asker for part in self._parts])
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
        self._begin_following()
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

        `made` has every channel of them, and others whose state is another now. Raises `Rejection`
        where the server cannot be asked.
        """
        try:
            for part in self._parts:
                own = [entry for entry in kept.entries if entry.partition == part.number]
                if own:
                    made = {key: text for key, text in kept.made.items() if self._part(key) is part}
                    await part.asker.fold(own[-1].position, made)
        except (AwayError, RefusedError) as error:
            raise Rejection(Code.UNAVAILABLE, "the log cannot be written now") from error

    async def kept(self) -> Kept | None:
        """Return what there is of events of lasting types; None where the log has begun anew.

        Raises `Rejection` where the server cannot be asked.
        """
        made: dict[str, bytes] = {}
        entries: list[Entry] = []
        try:
            for part in self._parts:
                # In this order: what is folded meanwhile is found twice, which does no harm.
                entries += await part.asker.control()
                made |= await part.asker.folded()
                if (await part.asker.state()).epoch != part.replica.head.epoch:
                    return None
        except (AwayError, RefusedError) as error:
            raise Rejection(Code.UNAVAILABLE, "the log cannot be read now") from error
        return Kept(made, entries)

    async def keep(self, keys: Collection[str], made: Callable[[str], bytes]) -> None:
        """Keep what was made of channels, where the server has lost it.

        Of a channel of which it knows something it knows it best. Raises `Rejection` where the
        server cannot be asked.
        """
        try:
            for part in self._parts:
                await part.asker.keep([key for key in keys if self._part(key) is part], made)
        except (AwayError, RefusedError) as error:
            raise Rejection(Code.UNAVAILABLE, "the log cannot be written now") from error

    @property
    def attended(self) -> list[bool]:
        """Which partitions are read; see `Attendance`."""
        return [part.feed.attended for part in self._parts]

    async def beat(self) -> None:
        """Send canaries; return when they have been read. Raises `AwayError`, `RefusedError`."""
        async with asyncio.timeout(PROOF_SECONDS):
            for part in self._parts:
                await part.beat()

    async def close(self) -> None:
        """Refuse appends, end the follower, close the connections. Idempotent."""
        self._closed = True
        self._end_following()
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

    def _begin_following(self) -> None:
        """Begin where the log is, now that this is known."""
        raise NotImplementedError

    def _end_following(self) -> None:
        """End what follows. Idempotent."""
        raise NotImplementedError

    def _took(self, reads: Sequence[Read]) -> None:
        """Hand on what was read."""
        raise NotImplementedError

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
            settings.history_bytes // count,
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
        said: set[str] = set()
        while True:
            try:
                return await self._begin()
            except (AwayError, RefusedError) as error:
                if str(error) not in said:
                    said.add(str(error))
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
                if self.partitions > 1:
                    tasks.create_task(self.attendance.run())
        finally:
            self._closed = True
            self._end_following()

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

    async def _watch(self, part: Part) -> None:
        """Send a canary every second, and tell when it does not come back."""
        while True:
            try:
                async with asyncio.timeout(PROOF_SECONDS):
                    await part.beat()
                part.well = True
            except (AwayError, RefusedError, TimeoutError) as error:
                if part.well:
                    text = str(error) or "no answer in time"
                    LOG.warning("log.canary_lost", partition=part.number, error=text)
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
