"""The protocol that every engine of the log fulfils, and the words of its requests and answers."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import msgspec

from blackroad.core.errors import Rejection
from blackroad.core.log.entry import Entry, Passed, Position, Positions
from blackroad.core.log.record import Record

MAX_APPEND_EVENTS = 256
MAX_APPEND_BYTES = 1 << 20


class GapReason(IntEnum):
    """Why events are missing, with the numbers of the proto enum."""

    EXPIRED = 1
    EPOCH_CHANGED = 2
    NOT_KEPT = 3


class Fence(msgspec.Struct, gc=False, frozen=True):
    """Lets a channel be written by one owner at a time, and ended once.

    An append is refused where the channel's stored attempt is higher, or where it has ended. A
    higher attempt raises the stored one. `ends` closes the channel for every later append that has
    a fence.
    """

    attempt: int
    ends: bool = False


class Keep(msgspec.Struct, gc=False, frozen=True):
    """How much history the channel keeps. Zero events: none."""

    events: int = 100
    seconds: float = 3600.0


DEFAULT_KEEP = Keep()


class Append(msgspec.Struct, gc=False, eq=False):
    """Events of one channel: all or none, with neighbouring offsets.

    What is not `told` takes offsets and lies in the channel's history alone: nobody follows it, and
    it takes no place of the partition. What is to be `replicated` is answered once a replica has
    it; where the log does not replicate, as any other.
    """

    key: str
    records: Sequence[Record]
    keep: Keep = DEFAULT_KEEP
    expected_offset: int | None = None
    fence: Fence | None = None
    idempotency: tuple[str, str] | None = None  # subject and key
    told: bool = True
    replicated: bool = False


class Appended(msgspec.Struct, gc=False, eq=False):
    """What the log gave to the records of one Append.

    Their ids and offsets, and where the last of them lies. The id of a late record is empty.
    """

    ids: Sequence[str]
    first_offset: int
    epoch: int
    sequence: int
    partition: int
    time_ns: int
    duplicate: bool = False

    @property
    def position(self) -> Position:
        """Where the last record lies."""
        return Position(self.epoch, self.sequence)

    @property
    def last_offset(self) -> int:
        """The offset of the last record."""
        return self.first_offset + len(self.ids) - 1

    @property
    def repeated(self) -> "Appended":
        """The same, as it answers a retry."""
        return msgspec.structs.replace(self, duplicate=True)


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What the log knows of a channel that it keeps numbers of."""

    last_offset: int
    last: Position
    created_ns: int  # when its first event came
    updated_ns: int  # when its last event came


@dataclass(frozen=True, slots=True)
class Page:
    """Entries of some topics after a place, in the order of each partition.

    And the place that they reach.
    """

    entries: Sequence[Entry]
    reached: Positions


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Entries of one channel's history by offset.

    And whether there are more in the direction that was asked for.
    """

    entries: Sequence[Entry]
    more: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What an engine has of events of lasting types: what they have made, then those since."""

    made: Mapping[str, bytes]  # by channel; empty where nothing is left of it
    entries: Sequence[Entry]


Visible = Callable[[str], bool]
"""Tells by its key whether a channel that a pattern matches may be shown."""


class Log(Protocol):
    """An ordered, resumable log. Topics are keys of channels, or patterns of keys (`names.py`).

    Order: one total order per partition; a channel lies in one partition. Offsets of a channel are
    contiguous and never used twice; sequences of a partition are contiguous within an epoch.
    """

    @property
    def engine(self) -> str:
        """`memory` or `redis`."""
        ...

    @property
    def partitions(self) -> int:
        """How many partitions there are. Constant."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether appends can be expected to succeed now."""
        ...

    @property
    def replicates(self) -> bool:
        """Whether others may have copies of what it has. Constant."""
        ...

    async def append(self, appends: Sequence[Append]) -> list[Appended | Rejection]:
        """Append each of the appends, in order.

        And answer each by what it was given or why it was refused.

        A refusal (CONFLICT with the present offset in its text, CANCELLED where the fence has
        ended, CONFLICT where it is superseded, RATE_LIMITED where the idempotency table is full)
        means certainly not in the log; UNKNOWN that it may be. The same idempotency key of the same
        subject and channel within 5 minutes gives the first result.
        """
        ...

    def follow(self) -> AsyncIterator[list[Entry]]:
        """Yield every entry from now on in batches, once, in order. One follower (the hub).

        Of partitions in which nobody follows anything (`want`) it may yield only `Passed`, now and
        then: to be shown to `pass_to` when its turn has come. Ends by cancellation.
        """
        ...

    def want(self, topic: str) -> None:
        """Note that a topic is followed: what comes on it after `heads` is to be yielded."""
        ...

    def unwant(self, topic: str) -> None:
        """Note that a topic is followed by one less: once for each `want`."""
        ...

    def pass_to(self, passed: Passed) -> bool:
        """Tell whether to go on after a place; what of it may be lost, it notes.

        Not where somebody follows something there by now: then all comes that was not passed.
        """
        ...

    async def ready(self, topics: Sequence[str]) -> None:
        """Return when `missing`, `read`, `fetch` and `newest` know of the topics.

        So they do for half a minute at least, and while somebody follows them. Raises `Rejection`
        where the engine is needed for it and cannot be asked.
        """
        ...

    async def freshen(self, places: Positions) -> None:
        """Have `heads` come near these places also where nobody follows anything."""
        ...

    def heads(self) -> Positions:
        """Return the place after which `follow` begins, or has come to."""
        ...

    def missing(self, topics: Sequence[str], after: Positions) -> GapReason | None:
        """Tell why resuming the topics after a place would miss events.

        None where nothing is missing.

        A quiet channel is never missing anything: a name whose last sequence is at or before the
        place is whole, however old the place is.
        """
        ...

    def read(
        self,
        topics: Sequence[str],
        after: Positions,
        until: Positions,
        max_bytes: int,
        visible: Visible,
    ) -> Page | GapReason | None:
        """Return the entries of the topics after a place.

        At most about `max_bytes` and never beyond `until`.

        Each entry once, also where several topics match it. Synchronous, from what this node has at
        hand; a GapReason where that is gone for good, None where `fetch` must be asked. An entry
        past its own time is passed over: a hole in the offsets that is no loss. A page may end
        early, even empty, where much was passed over: go on from `reached` until it is `until`.
        """
        ...

    async def fetch(
        self, topics: Sequence[str], after: Positions, until: Positions
    ) -> GapReason | None:
        """Bring to hand what `read` could not find; a GapReason where it is gone."""
        ...

    async def history(
        self, key: str, limit: int, *, before: int | None = None, after: int | None = None
    ) -> HistoryPage:
        """Return up to `limit` entries of the history, by offset.

        The newest (before an offset), or the oldest after one.
        """
        ...

    def newest(
        self, topics: Sequence[str], limit: int, until: Positions, visible: Visible
    ) -> tuple[Sequence[Entry], bool]:
        """Return the newest entries of the topics at hand, oldest first.

        And whether these are all that was asked for.
        """
        ...

    async def state(self, key: str) -> ChannelState | None:
        """Return what is known of a channel; None where it has no numbers."""
        ...

    async def names(self, pattern: str, after: str, limit: int) -> list[str]:
        """Return the keys of channels with numbers that match, in their order, after a key."""
        ...

    async def forget(self, key: str) -> None:
        """Drop a channel's history (its numbers are kept, so that offsets are not used twice)."""
        ...

    async def close(self) -> None:
        """Release the engine. Idempotent; `follow` ends."""
        ...
