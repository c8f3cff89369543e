"""Questions to the server beside writing and following: numbers, histories, parts of the log."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, cast

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.entry import Entry, Position
from blackroad.core.log.redis.codec import (
    Numbers,
    State,
    read_entry,
    read_history,
    read_numbers,
    rows_of,
)
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.link import AwayError, Link, RefusedError, Reply, Word
from blackroad.core.log.redis.scripts import FOLD, RATES

SCANNED: Final = 1000  # channels at once
PAGE: Final = 64  # entries at once: at most 4 MiB


class Survey(NamedTuple):
    """What the server says of a partition, and of its channels."""

    state: State
    channels: list[tuple[str, Numbers]]


class Asker:
    """One partition's questions, one at a time, on a connection of their own."""

    def __init__(self, number: int, keys: Keys, link: Link) -> None:
        self.number = number
        self._keys = keys
        self._link = link
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        await self._link.close()

    async def ask(self, *words: Word) -> Reply:
        """Return an answer to what may be asked twice. Raises `AwayError` or `RefusedError`."""
        async with self._turn:
            stale = self._link.open
            try:
                return await self._link.call(*words)
            except AwayError as away:
                # A server closes what is silent for long, and says so when it is next asked.
                if not stale or isinstance(away.__cause__, TimeoutError):
                    raise
            return await self._link.call(*words)

    async def layout(self, partitions: int) -> int:
        """Return how many partitions there are; it is so many where nobody has said so before."""
        await self.ask("HSETNX", self._keys.meta, "partitions", partitions)
        said = await self.ask("HGET", self._keys.meta, "partitions")
        return int(cast("bytes", said))

    async def state(self) -> State:
        """Return what the partition knows of itself."""
        fields = ("epoch", "sequence", "trimmed", "time", "dropped_sequence")
        values = cast("list[bytes | None]", await self.ask("HMGET", self._keys.meta, *fields))
        epoch, sequence, trimmed, time_us, dropped = (int(value or 0) for value in values)
        flat = cast("list[bytes]", await self.ask("HGETALL", self._keys.punched))
        pairs = zip(flat[::2], flat[1::2], strict=True)
        punched = [(key.decode(), int(last)) for key, last in pairs if key]
        return State(epoch, sequence, trimmed, time_us, dropped, punched, 0)

    async def survey(self) -> Survey:
        """Return what is stored of the partition and of all its channels."""
        return Survey(await self.state(), [one async for one in self._channels()])

    async def numbers(self, channel: str) -> Numbers | None:
        """Return what is stored of a channel. Raises `Rejection`."""
        packed = await self._asked("HGET", self._keys.channels, channel)
        return None if packed is None else read_numbers(cast("bytes", packed))

    async def stretch(self, epoch: int, after: int, until: int) -> list[Entry]:
        """Return what the log has of the sequences in (after, until]."""
        entries: list[Entry] = []
        last = f"{epoch}-{until}"
        while after < until:
            first = f"{epoch}-{after + 1}"
            reply = await self.ask("XRANGE", self._keys.log, first, last, "COUNT", PAGE)
            rows = rows_of(reply)
            if not rows:
                break
            entries += [read_entry(self.number, row).entry for row in rows]
            after = entries[-1].sequence
        return entries

    async def history(
        self, channel: str, after: int, before: int | None, *, newest_first: bool
    ) -> list[Entry]:
        """Return some entries of a history with offsets in (after, before). Raises `Rejection`."""
        key = self._keys.history(channel)
        first = f"{after + 1}-0" if after >= 0 else "-"
        if before is not None and before <= max(after, 0):
            return []
        last = "+" if before is None else f"{before - 1}-0"
        if newest_first:
            reply = await self._asked("XREVRANGE", key, last, first, "COUNT", PAGE)
        else:
            reply = await self._asked("XRANGE", key, first, last, "COUNT", PAGE)
        return [read_history(channel, self.number, row) for row in rows_of(reply)]

    async def forget(self, channel: str) -> None:
        """Drop a history. Raises `Rejection`."""
        await self._asked("UNLINK", self._keys.history(channel))

    async def folded(self) -> dict[str, bytes]:
        """Return what lasting events that are folded have made of channels."""
        flat = cast("list[bytes]", await self.ask("HGETALL", self._keys.folded))
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return {key.decode(): made for key, made in pairs if key}

    async def fold(self, until: Position, made: Mapping[str, bytes]) -> None:
        """Keep what the lasting events up to a place have made, in the place of these events.

        Without effect where another node has done so. Raises `AwayError` or `RefusedError`.
        """
        keys = [self._keys.control, self._keys.folded, self._keys.meta]
        words = [word for pair in made.items() for word in pair]
        async with self._turn:
            await self._link.run(FOLD, keys, until.epoch, until.sequence, *words)

    async def keep(self, keys: Iterable[str], made: Callable[[str], bytes]) -> None:
        """Keep what was made of channels of which the server knows nothing any more.

        Raises `AwayError` or `RefusedError`.
        """
        known = {entry.key for entry in await self.control()}
        for key in keys:
            if key not in known and (text := made(key)):
                await self.ask("HSETNX", self._keys.folded, key, text)

    async def settle(self, accounts: Sequence[str], words: Sequence[Word]) -> bytes:
        """Return what the script says of accounts. Raises `AwayError` or `RefusedError`."""
        keys = [self._keys.account(whose) for whose in accounts]
        async with self._turn:
            return await self._link.run(RATES, keys, *words)

    async def control(self) -> list[Entry]:
        """Return the entries of lasting types that are not folded, in order."""
        entries: list[Entry] = []
        first = "1-1"  # after the placeholder of a new partition
        while True:
            reply = await self.ask("XRANGE", self._keys.control, first, "+", "COUNT", PAGE)
            rows = rows_of(reply)
            if not rows:
                return entries
            entries += [read_entry(self.number, row).entry for row in rows]
            first = f"({entries[-1].epoch}-{entries[-1].sequence}"

    async def _channels(self) -> AsyncIterator[tuple[str, Numbers]]:
        cursor: Word = 0
        while True:
            reply = await self.ask("HSCAN", self._keys.channels, cursor, "COUNT", SCANNED)
            cursor, flat = cast("tuple[bytes, list[bytes]]", reply)
            for key, packed in zip(flat[::2], flat[1::2], strict=True):
                if key:
                    yield key.decode(), read_numbers(packed)
            if int(cursor) == 0:
                return

    async def _asked(self, *words: Word) -> Reply:
        """Return an answer; where there is none now, say so to who asks."""
        try:
            return await self.ask(*words)
        except (AwayError, RefusedError) as error:
            raise Rejection(Code.UNAVAILABLE, "the log cannot be read now") from error
