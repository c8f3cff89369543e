"""All that serves one partition on a node: its replica, and who writes, reads and asks for it."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.entry import Passed, Position
from blackroad.core.log.redis.asker import Asker
from blackroad.core.log.redis.codec import State
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.link import AwayError, RefusedError
from blackroad.core.log.redis.past import bounds_of
from blackroad.core.log.redis.reader import Feed
from blackroad.core.log.redis.replica import Replica, Wanting
from blackroad.core.log.redis.server_time import ServerTime
from blackroad.core.log.redis.writer import Writer
from blackroad.core.log.selection import Selection

RETRY_SECONDS: Final = 0.25
FETCH_SECONDS: Final = 10.0
OWN_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 1.0


class Part:
    """One partition."""

    def __init__(
        self, keys: Keys, replica: Replica, writer: Writer, asker: Asker, server_time: ServerTime
    ) -> None:
        self.number = replica.number
        self.keys = keys
        self.replica = replica
        self.writer = writer
        self.asker = asker
        self.feed = Feed(replica, keys)
        self.own = Position(0, 0)  # the last entry that this node has written
        self.well = False  # the last canary has come back
        self.followed = 0  # by how many topics of this node
        self.asked_until = 0.0  # until when it is read on without that, monotonic seconds
        self.unfolded = 0  # events of lasting types, as the server has last said
        self._looked = self.own, 0.0  # what was written before the last look; until when it holds
        self._time = server_time
        self._fetching = asyncio.Lock()
        writer.told = self._note

    async def begin(self) -> None:
        """Bring all at hand for the first time. Raises `AwayError` or `RefusedError`."""
        state = await self.writer.prove()
        survey = await self.asker.survey()
        self.replica.begin(Position(state.epoch, state.sequence), survey.state, survey.channels)
        self.replica.note(state)

    async def reload(self, head: Position) -> None:
        """Begin anew after a place. Returns when that is done, however long it takes."""
        while True:
            try:
                survey = await self.asker.survey()
            except (AwayError, RefusedError):
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self.replica.begin(head, survey.state, survey.channels)
                return

    async def close(self) -> None:
        """Close the connections; refuse who still waits. Idempotent."""
        await self.writer.close()
        await self.asker.close()

    async def beat(self) -> None:
        """Send a canary; return when it has been read. Raises `AwayError` or `RefusedError`.

        What is past its time goes from here then, too: else it would stay until somebody reads.
        """
        self.replica.settle(self._time.now_ns())
        number = await self.writer.beat()
        await self.feed.until(lambda: self.feed.proven >= number)

    async def read_own(self) -> None:
        """Return when what this node has written has been read, or that takes long."""
        try:
            async with asyncio.timeout(OWN_SECONDS):
                await self.feed.until(lambda: self.replica.head >= self.own)
        except TimeoutError:
            pass

    def pass_to(self, passed: Passed) -> bool:
        """Go on after a place, unless all is to be read from the one before; see `Log`.

        Where that was not told, something in between may be lost.
        """
        if self.feed.wanted or self.feed.attended:
            return False
        passed.lost = passed.lost or passed.former != self.replica.head
        self.replica.pass_to(passed.position)
        self.feed.changed()
        return True

    async def arrive(self) -> None:
        """Return when the place is that of now, or all is to be read.

        Raises `AwayError` or `RefusedError`.
        """
        await self.beat()
        feed = self.feed
        await feed.until(lambda: feed.wanted or self.replica.head >= feed.seen)

    async def look(self) -> None:
        """Learn which channels a partition has that is not read. Raises `Rejection`."""
        own, now = self.own, time.monotonic()
        if own == self._looked[0] and now < self._looked[1]:
            return
        try:
            survey = await self.asker.survey()
        except (AwayError, RefusedError) as error:
            raise Rejection(Code.UNAVAILABLE, "the log cannot be read now") from error
        if not self.feed.attended:
            self.replica.learn(survey.state, survey.channels)
            self._looked = own, now + LOOK_SECONDS

    async def fetch(self, selection: Selection, names: Sequence[str], after: Position) -> None:
        """Bring what comes after a place from the server; once for all who ask for it at a time.

        Raises `Rejection` where the server cannot be asked.
        """
        try:
            async with asyncio.timeout(FETCH_SECONDS), self._fetching:
                while wanting := self.replica.wanting(selection, names, after):
                    try:
                        await self._bring(wanting)
                        return
                    except (AwayError, RefusedError):
                        await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError:
            raise Rejection(Code.UNAVAILABLE, "the log cannot be read now") from None

    async def _bring(self, wanting: Wanting) -> None:
        start, end = bounds_of(wanting.after)
        end = min(end, wanting.until)
        entries = await self.asker.stretch(wanting.epoch, start, end)
        self.replica.note(await self.asker.state())  # what went while it was read
        if self.replica.head.epoch == wanting.epoch:
            self.replica.past.put(max(start, self.replica.trimmed), end, entries)

    def _note(self, state: State) -> None:
        self._time.note(state.time_us * 1000)
        self.unfolded = state.lasting
        self.replica.note(state)
