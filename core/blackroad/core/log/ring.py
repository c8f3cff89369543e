"""The entries of a partition that are retained for resuming: bounded, indexed by channel."""

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter

from blackroad.core.log.entry import Entry

ENTRY_COST = 384  # bytes of Python for an entry, beside twice its size: its body and wire form
TRACK_COST = 320  # and for a channel's part of the index
HOLE_COST = 8
MAX_TRIMMED_AT_ONCE = 2_000  # by age: what is left goes with the next calls

_sequence = attrgetter("sequence")


def cost(entry: Entry) -> int:
    """Return the bytes that an entry takes, with the wire form that it has once delivered."""
    return 2 * entry.size + ENTRY_COST


class Run:
    """A list that grows at its end and loses its front, both in constant time."""

    __slots__ = ("items", "start")

    def __init__(self) -> None:
        self.items: list[Entry | None] = []
        self.start = 0

    def __len__(self) -> int:
        return len(self.items) - self.start

    def pop_first(self) -> Entry | None:
        """Remove and return the first item."""
        first = self.items[self.start]
        self.items[self.start] = None
        self.start += 1
        if self.start > 32 and self.start * 2 > len(self.items):
            del self.items[: self.start]
            self.start = 0
        return first


class Track:
    """One channel's part of the ring."""

    __slots__ = ("bytes", "run", "trimmed")

    def __init__(self, trimmed: int) -> None:
        self.run = Run()
        self.bytes = 0
        self.trimmed = trimmed  # the channel's highest sequence that the ring no longer has

    def after(self, sequence: int, until: int) -> Iterator[Entry]:
        """Yield the entries with sequences in (sequence, until], in order."""
        items = self.run.items
        first = bisect_right(items, sequence, lo=self.run.start, key=_sequence)
        for position in range(first, len(items)):
            entry = items[position]
            if entry is None or entry.sequence > until:
                return
            yield entry

    def before(self, until: int) -> Iterator[Entry]:
        """Yield the entries up to a sequence, newest first."""
        items = self.run.items
        end = bisect_right(items, until, lo=self.run.start, key=_sequence)
        for position in range(end - 1, self.run.start - 1, -1):
            entry = items[position]
            if entry is not None:
                yield entry


class Ring:
    """The retained entries of one partition, shared by reference; sequences come without holes.

    Holds at most `max_bytes`, of which one channel a quarter, and nothing older than `max_seconds`
    once trimmed.
    """

    def __init__(self, max_bytes: int, max_seconds: float, first_sequence: int = 1) -> None:
        self._max_bytes = max_bytes
        self._max_channel_bytes = max_bytes // 4
        self._max_ns = int(max_seconds * 1e9)
        self._run = Run()  # a None is an entry that its channel had to give up before its time
        self._first = first_sequence  # of the run
        self._tracks: dict[str, Track] = {}
        self.bytes = 0
        self.trimmed = first_sequence - 1  # the highest sequence that was let go

    def __len__(self) -> int:
        """Return the number of places that are held, holes included."""
        return len(self._run)

    def track(self, key: str) -> Track | None:
        """Return a channel's part; None where the ring has nothing of it."""
        return self._tracks.get(key)

    def append(self, entry: Entry, before: int) -> None:
        """Take the next entry; `before` is the highest sequence that its channel may have had."""
        track = self._tracks.get(entry.key)
        if track is None:
            track = self._tracks[entry.key] = Track(before)
            self.bytes += TRACK_COST
        size = 2 * entry.size + ENTRY_COST  # cost(), in the hottest place
        self._run.items.append(entry)
        track.run.items.append(entry)
        track.bytes += size
        self.bytes += size
        while track.bytes > self._max_channel_bytes:
            self._punch(track)
        while self.bytes > self._max_bytes:
            self._pop()

    def trim(self, now_ns: int) -> None:
        """Let go of what is too old."""
        oldest_ns = now_ns - self._max_ns
        run = self._run
        for _ in range(min(len(run), MAX_TRIMMED_AT_ONCE)):
            first = run.items[run.start]
            if first is not None and first.time_ns > oldest_ns:
                return
            self._pop()

    def drop(self, key: str, last_sequence: int) -> None:
        """Let go of a whole channel, of which nobody will know that its last sequence was this."""
        if track := self._tracks.get(key):
            while track.run:
                self._punch(track)
        self.trimmed = max(self.trimmed, last_sequence)

    def after(self, sequence: int, until: int, limit: int) -> list[Entry | None]:
        """Return up to `limit` places in (sequence, until], in order; a None is a hole."""
        run = self._run
        first = run.start + max(0, sequence + 1 - self._first)
        end = run.start + max(0, until + 1 - self._first)
        return run.items[first : min(end, first + limit)]

    def before(self, until: int, limit: int) -> list[Entry | None]:
        """Return up to `limit` places that end at a sequence, in order; a None is a hole."""
        end = until + 1 - self._first
        return self.after(self._first - 1 + max(0, end - limit), until, limit)

    def _pop(self) -> None:
        """Let go of the first place."""
        entry = self._run.pop_first()
        self._first += 1
        if entry is None:
            self.bytes -= HOLE_COST
        else:
            self._forget_first(self._tracks[entry.key])

    def _punch(self, track: Track) -> None:
        """Let go of a channel's first entry, and leave a hole."""
        sequence = self._forget_first(track)
        self._run.items[self._run.start + sequence - self._first] = None
        self.bytes += HOLE_COST

    def _forget_first(self, track: Track) -> int:
        entry = track.run.pop_first()
        if entry is None:
            raise AssertionError("a track has no holes")
        size = cost(entry)
        track.bytes -= size
        self.bytes -= size
        track.trimmed = entry.sequence
        self.trimmed = max(self.trimmed, entry.sequence)
        if not track.run:
            del self._tracks[entry.key]
            self.bytes -= TRACK_COST
        return entry.sequence
