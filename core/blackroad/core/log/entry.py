"""One event as it lies in the log, and the places that order it."""

from typing import Final, NamedTuple

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from blackroad.core.log.cursor import encode_cursor, encode_place
from blackroad.core.log.record import Record
from blackroad.core.stencil import stencil
from blackroad.realtime.v1 import event_pb2
from blackroad.wire.v1 import frames_pb2


class Position(NamedTuple):
    """A place in one partition. Within an epoch sequences are contiguous.

    A higher epoch comes after a lower one.
    """

    epoch: int
    sequence: int


Positions = tuple[Position, ...]
"""A place in every partition, in the order of the partitions: what a cursor holds."""

OVERHEAD_BYTES = 64  # of an event in a frame, beside its body


def _stamped() -> tuple[frames_pb2.EventStamp, Timestamp]:
    stamp = frames_pb2.EventStamp()
    return stamp, stamp.create_time


_STAMPS = stencil(_stamped)


class Entry(msgspec.Struct, gc=False, eq=False):
    """One event of the log, shared by all that read it.

    Immutable, but for `heads`, which the hub sets once where there are several partitions.
    """

    key: str
    record: Record
    partition: int
    epoch: int
    sequence: int
    offset: int
    time_ns: int
    heads: Positions | None = None
    _wire: bytes | None = None

    @property
    def size(self) -> int:
        """Its bytes, as frames and budgets count them."""
        return self.record.size + OVERHEAD_BYTES

    @property
    def type(self) -> str:
        """The event's type."""
        return self.record.type

    @property
    def expires_ns(self) -> int:
        """Unix time after which it is not delivered; 0: never."""
        return self.record.expires_ns

    @property
    def body(self) -> bytes:
        """A serialized Event without the fields that the log gives."""
        return self.record.body_at(self.time_ns)

    @property
    def position(self) -> Position:
        """Where it lies in its partition."""
        return Position(self.epoch, self.sequence)

    @property
    def cursor(self) -> str:
        """The cursor of a live delivery.

        This place, and what the node had handed on of the other partitions.
        """
        if self.heads is None:
            return encode_place(self.epoch, self.sequence)
        return encode_cursor(self.after(self.heads))

    def after(self, heads: Positions) -> Positions:
        """Return the positions with this event's own in place of its partition's."""
        if len(heads) == 1:
            return (Position(self.epoch, self.sequence),)
        return (*heads[: self.partition], self.position, *heads[self.partition + 1 :])

    @property
    def wire(self) -> bytes:
        """The serialized Event for live deliveries, made once.

        Concatenated messages parse as one.
        """
        if self._wire is None:
            self._wire = self.body + self.stamp(self.cursor)
        return self._wire

    def stamp(self, cursor: str) -> bytes:
        """Return the serialized fields that the log gives, to be appended to `body`."""
        stamp, time = next(_STAMPS)
        stamp.offset, stamp.sequence, stamp.epoch = self.offset, self.sequence, self.epoch
        stamp.cursor = cursor
        time.seconds, time.nanos = divmod(self.time_ns, 1_000_000_000)
        return stamp.SerializeToString()

    @property
    def event(self) -> event_pb2.Event:
        """The parsed Event, with what the log gave. Costs a parse."""
        return event_pb2.Event.FromString(self.wire)


class Passed(Entry, kw_only=True):
    """Tells a follower where a partition is in which nobody followed anything; see `Log.follow`."""

    former: Position  # the place that was told before
    lasting: Entry | None  # what lies there, where that concerns all
    lost: bool  # whether between the two something may lie that does


_PASSED: Final = Record("", "log.passed")


def passed(
    partition: int,
    place: Position,
    former: Position,
    lasting: Entry | None = None,
    *,
    lost: bool = False,
) -> Passed:
    """Return what tells where a partition is."""
    return Passed("", _PASSED, partition, *place, 0, 0, former=former, lasting=lasting, lost=lost)


def latest(one: Positions, other: Positions) -> Positions:
    """Return the later place of each partition."""
    return tuple(max(pair) for pair in zip(one, other, strict=True))
