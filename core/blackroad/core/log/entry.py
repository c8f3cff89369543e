"""One event as it lies in the log, and the places that order it."""

from typing import NamedTuple

from blackroad.core.log.cursor import encode_cursor
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


# Filled anew for each event: setting fields costs half of making a message.
_STAMP = frames_pb2.EventStamp()


class Entry:
    """One event of the log, shared by all that read it.

    Immutable, but for `heads`, which the hub sets once.
    """

    __slots__ = (
        "_answer",
        "_wire",
        "body",
        "epoch",
        "expires_ns",
        "heads",
        "key",
        "offset",
        "partition",
        "position",
        "sequence",
        "size",
        "time_ns",
        "type",
    )

    def __init__(
        self,
        key: str,
        event_type: str,
        body: bytes,
        partition: int,
        position: Position,
        offset: int,
        time_ns: int,
        expires_ns: int = 0,
        answer: event_pb2.AnswerUpdate | None = None,
    ) -> None:
        self.key = key
        self.type = event_type
        self.body = body  # a serialized Event without the fields that the log gives
        self.partition = partition
        self.position = position  # where it lies in its partition
        self.epoch, self.sequence = position
        self.offset = offset
        self.time_ns = time_ns
        self.expires_ns = expires_ns
        self.heads: Positions | None = None
        self.size = len(body) + 64  # as frames and budgets count it
        self._wire: bytes | None = None
        self._answer = answer

    @property
    def cursor(self) -> str:
        """The cursor of a live delivery.

        This place, and what the node had handed on of the other partitions.
        """
        return encode_cursor(self.after(self.heads) if self.heads else (self.position,))

    def after(self, heads: Positions) -> Positions:
        """Return the positions with this event's own in place of its partition's."""
        if len(heads) == 1:
            return (self.position,)
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
        stamp = _STAMP
        stamp.offset, stamp.sequence, stamp.epoch = self.offset, self.sequence, self.epoch
        stamp.cursor = cursor
        time = stamp.create_time
        time.seconds, time.nanos = divmod(self.time_ns, 1_000_000_000)
        return stamp.SerializeToString()

    @property
    def event(self) -> event_pb2.Event:
        """The parsed Event, with what the log gave. Costs a parse."""
        return event_pb2.Event.FromString(self.wire)

    @property
    def answer(self) -> event_pb2.AnswerUpdate:
        """The update that an answer's event carries.

        Kept where this process appended it, parsed otherwise.
        """
        if self._answer is None:
            self._answer = event_pb2.Event.FromString(self.body).answer
        return self._answer


def latest(one: Positions, other: Positions) -> Positions:
    """Return the later place of each partition."""
    return tuple(max(pair) for pair in zip(one, other, strict=True))
