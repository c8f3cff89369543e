"""What waits for a trunk's LIVE stream: events with their numbers, and what keeps its place."""

from collections.abc import Iterable, Iterator, Sequence

from blackroad.core.log.cursor import encode_cursor
from blackroad.core.log.entry import Entry, Positions
from blackroad.wire.v1 import frames_pb2

MAX_FRAME_BYTES = 512 << 10
EVENT_COST = 16  # bytes of a TrunkEvent beside its event, and for each of its numbers at most
NUMBER_COST = 5

Numbered = tuple[Entry, list[int]]


class TrunkFrame:
    """Live events of a trunk, with their numbers, in order. `after`: where the trunk stood."""

    __slots__ = ("after", "events", "size")
    alone = False

    def __init__(self, events: list[frames_pb2.TrunkEvent], size: int, after: Positions) -> None:
        self.events = events
        self.size = size
        self.after = after

    @property
    def response(self) -> bytes:
        """The serialized TrunkResponse."""
        return self.joined([])

    def joined(self, others: Sequence["TrunkFrame"]) -> bytes:
        """Return this frame and the ones that follow it as one."""
        events = [event for frame in (self, *others) for event in frame.events]
        live = frames_pb2.TrunkDelivery(events=events)
        return frames_pb2.TrunkResponse(live=live).SerializeToString()


class Operation(TrunkFrame):
    """A serialized Join, Part or Bookmark, which keeps its place among the events."""

    __slots__ = ("_response",)
    alone = True

    def __init__(self, response: bytes, after: Positions) -> None:
        super().__init__([], len(response), after)
        self._response = response

    @property
    def response(self) -> bytes:
        """The serialized TrunkResponse."""
        return self._response


def live_frames(events: Iterable[Numbered], after: Positions) -> Iterator[TrunkFrame]:
    """Yield what the hub offered as frames under the bound."""
    return _frames(((entry, entry.wire, numbers) for entry, numbers in events), after)


def replayed_frames(events: Iterable[Numbered], after: Positions) -> Iterator[TrunkFrame]:
    """Yield what was read from the log as frames under the bound.

    Partitions come one after the other then, so that each cursor is the replay's own.
    """
    return _frames(_stamped(events, after), after)


def _stamped(
    events: Iterable[Numbered], after: Positions
) -> Iterator[tuple[Entry, bytes, list[int]]]:
    for entry, numbers in events:
        after = entry.after(after)
        alone = len(after) == 1
        wire = entry.wire if alone else entry.body + entry.stamp(encode_cursor(after))
        yield entry, wire, numbers


def _frames(
    events: Iterable[tuple[Entry, bytes, list[int]]], after: Positions
) -> Iterator[TrunkFrame]:
    frame: list[frames_pb2.TrunkEvent] = []
    size = 0
    reached = after
    for entry, wire, numbers in events:
        if frame and size + len(wire) > MAX_FRAME_BYTES:
            yield TrunkFrame(frame, size, after)
            after, frame, size = reached, [], 0
        frame.append(frames_pb2.TrunkEvent(event=wire, numbers=numbers))
        size += len(wire) + EVENT_COST + NUMBER_COST * len(numbers)
        reached = entry.after(reached)
    if frame:
        yield TrunkFrame(frame, size, after)


def batch_responses(frames: list[bytes]) -> bytes:
    """Return several serialized frames as one."""
    return frames_pb2.TrunkResponse(batch=frames_pb2.Batch(frames=frames)).SerializeToString()
