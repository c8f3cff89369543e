"""Reads partitions for a node: one blocking read after another, in order and without holes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Final, cast

import structlog

from blackroad.core.log.entry import Entry, Position, passed
from blackroad.core.log.redis.asker import Asker
from blackroad.core.log.redis.codec import Read, place_of, read_entry, rows_of
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.link import AwayError, Link, RefusedError, Reply, Word
from blackroad.core.log.redis.replica import Replica

LOG = structlog.get_logger(__name__)

BLOCK_SECONDS: Final = 2.0
READ_SECONDS: Final = BLOCK_SECONDS + 2.0
RETRY_SECONDS: Final = (0.05, 0.1, 0.2, 0.5)
REPLY_BYTES: Final = 1 << 20
MAX_COUNT: Final = 1024
MIN_COUNT: Final = 16


class Feed:
    """One partition that is read, and how far its canaries were."""

    def __init__(self, replica: Replica, keys: Keys) -> None:
        self.replica = replica
        self.keys = keys
        self.attended = True  # all is read; else only what lasts, and the canaries
        self.wanted = True  # whether it is to be so
        self.seen = replica.head  # up to where it is known what lasts, while not all is read
        self.beat_id = "0"
        self.proven = 0  # the number of the last canary of this node that came back
        self._changed = asyncio.Event()

    @property
    def stream(self) -> str:
        """The key of what is read beside the canaries."""
        return self.keys.log if self.attended else self.keys.control

    async def until_attended(self) -> None:
        """Return when all is read."""
        await self.until(lambda: self.attended)

    def changed(self) -> None:
        """Wake those who wait for something that was read."""
        self._changed.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Return when what was read has reached something."""
        while not reached():
            self._changed.clear()
            await self._changed.wait()


class Reader:
    """One connection that reads some partitions: all of a server, or with Cluster one.

    A partition that nobody follows (`Feed.wanted`) is not read, but for the events of lasting
    types, which are kept apart, and the canaries, by which its place goes on.

    `reload(replica, head)` brings a replica up anew after a place, where what comes next does not
    follow. `took` is given what was read, once it is in its replica.
    """

    def __init__(
        self,
        link: Link,
        asker: Asker,
        node: str,
        feeds: Sequence[Feed],
        reload: Callable[[Replica, Position], Awaitable[None]],
        took: Callable[[Sequence[Read]], None],
    ) -> None:
        self._link = link
        self._asker = asker
        self._node = node.encode()
        self._feeds = list(feeds)
        self._reload = reload
        self._took = took
        self._count = 256

    async def run(self) -> None:
        """Read until cancelled."""
        failures = 0
        try:
            while True:
                try:
                    await self._read()
                    failures = 0
                except (AwayError, RefusedError) as error:
                    if not failures:
                        LOG.warning("log.read_failed", error=str(error))
                    await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                    failures += 1
        finally:
            await self._link.close()

    async def wake(self) -> None:
        """Have what is wanted read at once: what is waited for is given up."""
        if self._link.open:
            with contextlib.suppress(AwayError, RefusedError):  # then it waits for a second or two
                await self._asker.ask("CLIENT", "UNBLOCK", self._link.client_id)

    async def _read(self) -> None:
        if not self._link.open:
            await self._link.connect()
            for feed in self._feeds:
                feed.beat_id = "0"
        feeds = self._feeds
        for feed in feeds:
            if feed.wanted is not feed.attended:
                await self._turn(feed)
        reply = await self._link.call(*self._question(feeds), seconds=READ_SECONDS)
        by_key = {
            cast("bytes", key).decode(): rows_of(rows)
            for key, rows in cast("list[tuple[Reply, Reply]] | None", reply) or ()
        }
        asked = self._count
        for feed in feeds:
            rows = by_key.get(feed.stream, ())
            if feed.attended:
                await self._take(feed.replica, rows)
            else:
                self._take_lasting(feed, rows)
            if beats := by_key.get(feed.keys.beat):
                await self._take_beats(feed, beats, drained=len(rows) < asked)
            if rows or beats:
                feed.changed()

    def _question(self, feeds: Sequence[Feed]) -> list[Word]:
        keys: list[Word] = []
        places: list[Word] = []
        for feed in feeds:
            keys += (feed.stream, feed.keys.beat)
            place = feed.replica.head if feed.attended else feed.seen
            places += (place_of(place), feed.beat_id)
        wait_ms = int(BLOCK_SECONDS * 1000)
        return ["XREAD", "COUNT", self._count, "BLOCK", wait_ms, "STREAMS", *keys, *places]

    async def _turn(self, feed: Feed) -> None:
        """Begin to read a partition after the place that is known of it, or leave off."""
        if not feed.attended:
            await self._reload(feed.replica, feed.replica.head)
        else:
            feed.replica.leave()
            feed.seen = feed.replica.head
        feed.attended = not feed.attended
        feed.changed()

    def _take_lasting(self, feed: Feed, rows: Sequence[list[Reply]]) -> None:
        """Hand on what lasts of a partition that is not read."""
        for row in rows:
            entry = read_entry(feed.replica.number, row).entry
            self._pass(feed, entry.position, lasting=entry)

    async def _take_place(self, feed: Feed, head: Position) -> None:
        """Go on after a place, of a partition that is not read.

        What lasts has come, but for what other nodes have folded before it was read here.
        """
        fields = "folded_epoch", "folded_sequence"
        answer = await self._link.call("HMGET", feed.keys.meta, *fields, seconds=READ_SECONDS)
        epoch, sequence = (int(one or 0) for one in cast("list[bytes | None]", answer))
        self._pass(feed, head, lost=Position(epoch, sequence) > feed.seen)

    def _pass(
        self, feed: Feed, place: Position, *, lasting: Entry | None = None, lost: bool = False
    ) -> None:
        told = passed(feed.replica.number, place, feed.seen, lasting, lost=lost)
        feed.seen = place
        self._took([Read(told, 0.0)])

    async def _take(self, replica: Replica, rows: Sequence[list[Reply]]) -> None:
        if not rows:
            return
        reads = [read_entry(replica.number, row) for row in rows]
        self._adapt(sum([read.entry.size for read in reads]) // len(reads))
        for run in _runs(reads):
            first = run[0].entry
            if not replica.follows(first.position):
                LOG.warning(
                    "log.hole",
                    partition=replica.number,
                    expected=place_of(replica.head),
                    found=place_of(first.position),
                )
                await self._reload(replica, Position(first.epoch, first.sequence - 1))
            replica.take(run)
            self._took(run)

    async def _take_beats(self, feed: Feed, rows: Sequence[list[Reply]], *, drained: bool) -> None:
        for row in rows:
            place, fields = cast("tuple[bytes, list[bytes]]", row)
            feed.beat_id = place.decode()
            node, number, _, _ = fields
            if node == self._node:
                feed.proven = max(feed.proven, int(number))
        # What the last canary has seen must have come before it.
        _, last = cast("tuple[bytes, list[bytes]]", rows[-1])
        epoch, sequence, _, _ = map(int, last[3].split(b" "))
        head = Position(epoch, sequence)
        if not drained or head <= (feed.replica.head if feed.attended else feed.seen):
            return
        if feed.attended:
            LOG.warning("log.lost", partition=feed.replica.number, head=place_of(head))
            await self._reload(feed.replica, head)
        else:
            await self._take_place(feed, head)

    def _adapt(self, size: int) -> None:
        """Ask for so many entries that an answer has less than 1 MiB."""
        fitting = REPLY_BYTES // max(1, size)
        self._count = max(MIN_COUNT, min(MAX_COUNT, fitting, self._count * 2))


def _runs(reads: list[Read]) -> list[list[Read]]:
    """Return the reads, divided where one does not follow the one before."""
    cuts = [
        place
        for place, (one, other) in enumerate(pairwise(reads), 1)
        if other.entry.sequence != one.entry.sequence + 1 or other.entry.epoch != one.entry.epoch
    ]
    starts = [0, *cuts]
    return [reads[start:end] for start, end in zip(starts, [*cuts, len(reads)], strict=True)]
