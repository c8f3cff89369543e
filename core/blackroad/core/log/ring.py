"""The entries of a partition that are retained for resuming: bounded, in segments."""

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter

from blackroad.core.log.entry import OVERHEAD_BYTES, Entry
from blackroad.core.log.numbers import Channel, Channels

ENTRY_COST = 384  # bytes of Python for an entry, beside twice its size: its body and wire form
RECORD_COST = ENTRY_COST + 2 * OVERHEAD_BYTES  # the same, beside twice the size of its record
SEGMENT_ENTRIES = 512
SEGMENTS = 64  # that a full ring has at least; what is let go is let go by segments

_sequence = attrgetter("sequence")
_first = attrgetter("first")


def cost(entry: Entry) -> int:
    """Return the bytes that an entry takes, with the wire form that it has once delivered."""
    return 2 * entry.record.size + RECORD_COST


class Segment:
    """Neighbouring entries. Those of a channel are found by an index that the first reader makes.

    A None is an entry that its channel had to give up before its time.
    """

    __slots__ = ("_by_key", "_indexed", "began_ns", "bytes", "entries", "first", "time_ns")

    def __init__(self, first: int, began_ns: int = 0) -> None:
        self.first = first  # the sequence of its first entry
        self.entries: list[Entry | None] = []
        self.bytes = 0
        self.began_ns = began_ns  # when its first entry came
        self.time_ns = 0  # when its last entry came
        self._by_key: dict[str, list[Entry]] = {}
        self._indexed = 0

    def of(self, key: str) -> list[Entry]:
        """Return a channel's entries, in order."""
        if self._indexed < len(self.entries):
            by_key = self._by_key
            for entry in self.entries[self._indexed :]:
                if entry is not None:
                    by_key.setdefault(entry.key, []).append(entry)
            self._indexed = len(self.entries)
        return self._by_key.get(key, [])

    def punch(self, entry: Entry) -> None:
        """Let go of one entry, the first of its channel."""
        self.entries[entry.sequence - self.first] = None
        self.bytes -= cost(entry)
        if own := self._by_key.get(entry.key):
            del own[0]


class Ring:
    """The retained entries of one partition, shared by reference; sequences come without holes.

    Holds at most `max_bytes`, of which one channel a quarter, and nothing older than `max_seconds`
    once trimmed. What goes, goes by segments, a sixty-fourth of the whole.
    """

    def __init__(
        self, max_bytes: int, max_seconds: float, channels: Channels, first_sequence: int = 1
    ) -> None:
        self._max_bytes = max_bytes
        self._max_channel_bytes = max_bytes // 4
        self._segment_bytes = max_bytes // SEGMENTS
        self._max_ns = int(max_seconds * 1e9)
        self._segment_ns = self._max_ns // SEGMENTS
        self._channels = channels
        self._segments = [Segment(first_sequence)]
        self.bytes = 0
        self.trimmed = first_sequence - 1  # the highest sequence that was let go

    def append(self, channel: Channel, entries: list[Entry], added: int) -> None:
        """Take a channel's next entries, which cost `added` together."""
        first = entries[0]
        tail = self._segments[-1]
        if not tail.entries:
            tail.began_ns = first.time_ns
        elif (
            tail.bytes > self._segment_bytes
            or len(tail.entries) >= SEGMENT_ENTRIES
            or first.time_ns - tail.began_ns > self._segment_ns
        ):
            tail = Segment(first.sequence, first.time_ns)
            self._segments.append(tail)
        tail.entries += entries
        tail.bytes += added
        tail.time_ns = entries[-1].time_ns
        channel.retained_bytes += added
        self.bytes += added
        if channel.retained_bytes > self._max_channel_bytes:
            self._punch(channel)
        while self.bytes > self._max_bytes:
            self._drop_first()

    def trim(self, now_ns: int) -> None:
        """Let go of what is too old."""
        oldest_ns = now_ns - self._max_ns
        while self._segments[0].entries and self._segments[0].time_ns <= oldest_ns:
            self._drop_first()

    def forget(self, channel: Channel) -> None:
        """Note that nobody will know that a channel's last sequence was this."""
        self.trimmed = max(self.trimmed, channel.sequence)

    def of(self, key: str, after: int, until: int) -> Iterator[Entry]:
        """Yield a channel's entries with sequences in (after, until], in order."""
        for segment in self._segments[self._place_of(after + 1) :]:
            if segment.first > until:
                return
            own = segment.of(key)
            for entry in own[bisect_right(own, after, key=_sequence) :]:
                if entry.sequence > until:
                    return
                yield entry

    def of_backwards(self, key: str, until: int) -> Iterator[Entry]:
        """Yield a channel's entries up to a sequence, newest first."""
        for segment in reversed(self._segments[: self._place_of(until) + 1]):
            own = segment.of(key)
            yield from reversed(own[: bisect_right(own, until, key=_sequence)])

    def after(self, after: int, until: int) -> Iterator[Entry]:
        """Yield all entries with sequences in (after, until], in order."""
        for segment in self._segments[self._place_of(after + 1) :]:
            start, end = after + 1 - segment.first, until + 1 - segment.first
            if end <= 0:
                return
            for entry in segment.entries[max(start, 0) : end]:
                if entry is not None:
                    yield entry

    def before(self, until: int) -> Iterator[Entry]:
        """Yield all entries up to a sequence, newest first."""
        for segment in reversed(self._segments[: self._place_of(until) + 1]):
            for entry in reversed(segment.entries[: max(until + 1 - segment.first, 0)]):
                if entry is not None:
                    yield entry

    def _place_of(self, sequence: int) -> int:
        """Return the place of the segment that has a sequence, or the first where it is gone."""
        return max(bisect_right(self._segments, sequence, key=_first) - 1, 0)

    def _drop_first(self) -> None:
        segment = self._segments.pop(0)
        self.bytes -= segment.bytes
        get = self._channels.get
        last = segment.first
        for entry in segment.entries:
            last += 1
            if entry is not None and (channel := get(entry.key)):
                channel.retained_bytes -= 2 * entry.record.size + RECORD_COST
                channel.trimmed = entry.sequence
        self.trimmed = max(self.trimmed, last - 1)
        if not self._segments:
            self._segments.append(Segment(last))

    def _punch(self, channel: Channel) -> None:
        """Let go of a channel's first entries, so many that it keeps within its part."""
        for segment in tuple(self._segments[self._place_of(channel.trimmed + 1) :]):
            for entry in tuple(segment.of(channel.key)):
                if channel.retained_bytes <= self._max_channel_bytes:
                    return
                segment.punch(entry)
                channel.retained_bytes -= cost(entry)
                self.bytes -= cost(entry)
                channel.trimmed = entry.sequence
                self.trimmed = max(self.trimmed, entry.sequence)
