"""What the scripts are given and what they answer, and entries as they lie in the server."""

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Append, Appended
from blackroad.core.log.entry import Entry, Position
from blackroad.core.log.idempotency import request_of
from blackroad.core.log.record import Record
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.link import Reply, Word

DONE, AGAIN, OTHER_OFFSET, HAS_ENDED, SUPERSEDED, CROWDED = range(6)


class State(msgspec.Struct, array_like=True, frozen=True):
    """What a script tells of the partition. Times are microseconds."""

    epoch: int
    sequence: int
    trimmed: int  # the highest sequence that the log has let go for its age or bytes
    time_us: int
    dropped_sequence: int  # of channels whose numbers have gone
    punched: list[tuple[str, int]]  # channels that gave up events up to a sequence, just now
    lasting: int  # how many events of lasting types are not folded
    crowded: list[str] = []  # channels whose histories are to be let go


class Told(msgspec.Struct, array_like=True, frozen=True):
    """What a script returns."""

    state: State
    answers: list[list[int | str]]


class Numbers(msgspec.Struct, array_like=True, frozen=True):
    """What is stored of a channel. Times are microseconds."""

    offset: int
    sequence: int
    created_us: int
    updated_us: int
    attempt: int
    ended: int
    retained: int
    gone: int  # the last sequence that it gave up before its time
    kept_us: int  # how long its history is kept; 0: it keeps none
    history: int  # its bytes, about; 0: there is none


class Limits(NamedTuple):
    """The bounds of one partition."""

    retain_bytes: int
    retain_seconds: float
    idle_seconds: float
    max_channels: int
    max_requests: int
    rotation_seconds: float
    history_bytes: int

    @property
    def words(self) -> tuple[Word, ...]:
        """As the scripts take them."""
        return (
            self.retain_bytes,
            _micros(self.retain_seconds),
            _micros(self.idle_seconds),
            self.max_channels,
            self.max_requests,
            _micros(self.rotation_seconds),
            self.history_bytes,
        )


_TOLD: Final = msgspec.msgpack.Decoder(Told)
_NUMBERS: Final = msgspec.msgpack.Decoder(Numbers)


def read_told(packed: bytes) -> Told:
    """Return what a script has returned."""
    return _TOLD.decode(packed)


def read_numbers(packed: bytes) -> Numbers:
    """Return what is stored of a channel."""
    return _NUMBERS.decode(packed)


class Batch:
    """The words of one call of the append script."""

    def __init__(self, keys: Keys, lasting: frozenset[str], time_ns: int) -> None:
        self.words: list[Word] = []
        self.events = 0
        self.bytes = 0
        self.count = 0
        self._keys = keys
        self._lasting = lasting
        self._time_ns = time_ns  # that late records have in their ids
        self._histories: dict[str, int] = {}
        self.ids: list[tuple[str, ...]] = []

    @property
    def keys(self) -> list[str]:
        """All that the script may touch."""
        return [*self._keys.all, *map(self._keys.history, self._histories)]

    @property
    def new_histories(self) -> list[str]:
        """The keys of the histories that it may write."""
        return list(map(self._keys.history, self._histories))

    def add(self, append: Append) -> None:
        """Add an append."""
        bodies = [record.body_at(self._time_ns) for record in append.records]
        ids = tuple([record.event_id for record in append.records])
        keep, fence, key = append.keep, append.fence, append.key
        request = request_of(key, *append.idempotency) if append.idempotency else ""
        words = self.words
        words += (
            key,
            self._history(key),
            keep.events,
            _micros(keep.seconds),
            "" if append.expected_offset is None else append.expected_offset,
            fence.attempt if fence else "",
            "1" if fence and fence.ends else "",
            request,
            "\n".join(ids) if request else "",
            self._how(append),
            len(bodies),
        )
        for record, body in zip(append.records, bodies, strict=True):
            words += (record.type, body, record.expires_ns)
            self.bytes += len(body)
        self.events += len(bodies)
        self.count += 1
        self.ids.append(ids)

    def _how(self, append: Append) -> str:
        if not append.told:
            return "untold"
        return "lasts" if any(record.type in self._lasting for record in append.records) else ""

    def _history(self, channel: str) -> int:
        """Return the place of a channel's history among the keys, from 1."""
        numbers = self._histories
        return numbers.setdefault(channel, len(self._keys.all) + 1 + len(numbers))


def answer_of(told: list[int | str], ids: tuple[str, ...], partition: int) -> Appended | Rejection:
    """Return what the script has answered to an append."""
    kind, *numbers = told
    match kind:
        case 0 | 1:
            first, sequence, epoch, time_us = cast("list[int]", numbers[:4])
            again = kind == AGAIN
            if again:
                ids = tuple(cast("str", numbers[4]).split("\n"))
            return Appended(ids, first, epoch, sequence, partition, time_us * 1000, again)
        case 2:
            return Rejection(Code.CONFLICT, f"the last offset is {numbers[0]}")
        case 3:
            return Rejection(Code.CANCELLED, "it has ended")
        case 4:
            return Rejection(Code.CONFLICT, f"attempt {numbers[0]} has taken over")
        case _:
            wait = max(0.0, cast("int", numbers[0]) / 1e6)
            text = "too many idempotency keys at once"
            return Rejection(Code.RATE_LIMITED, text, retry_after_seconds=wait)


class Read(NamedTuple):
    """An entry, and for how long its channel keeps history."""

    entry: Entry
    kept_seconds: float


def read_entry(partition: int, row: list[Reply]) -> Read:
    """Return an entry of the log."""
    place, fields = cast("tuple[bytes, list[bytes]]", row)
    epoch, _, sequence = place.partition(b"-")
    key, kind, numbers, body = fields
    offset, time_us, expires_ns, kept_us = numbers.split(b" ")
    record = Record("", kind.decode(), body, int(expires_ns))
    entry = Entry(
        key.decode(), record, partition, int(epoch), int(sequence), int(offset), int(time_us) * 1000
    )
    return Read(entry, int(kept_us) / 1e6)


def read_history(key: str, partition: int, row: list[Reply]) -> Entry:
    """Return an entry of a channel's history."""
    place, fields = cast("tuple[bytes, list[bytes]]", row)
    kind, numbers, body, _ = fields
    epoch, sequence, time_us, expires_ns = map(int, numbers.split(b" "))
    record = Record("", kind.decode(), body, expires_ns)
    offset = int(place.partition(b"-")[0])
    return Entry(key, record, partition, epoch, sequence, offset, time_us * 1000)


def place_of(position: Position) -> str:
    """Return the id of an entry at a place."""
    return f"{position.epoch}-{position.sequence}"


def rows_of(reply: Reply) -> Sequence[list[Reply]]:
    """Return the entries of a range; those that were deleted meanwhile are left out."""
    rows = cast("list[list[Reply] | None] | None", reply)
    return [row for row in rows or () if row and row[1]]


def _micros(seconds: float) -> int:
    return int(seconds * 1e6)
