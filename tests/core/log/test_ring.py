"""The ring: its bounds, its holes, and that it counts what Python really takes."""

import gc
import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.log.catalog import Catalog
from blackroad.core.log.entry import Entry
from blackroad.core.log.numbers import Channel, Channels
from blackroad.core.log.record import Record
from blackroad.core.log.ring import ENTRY_COST, SEGMENT_ENTRIES, Ring, cost

SECOND = 1_000_000_000


@dataclass
class Case:
    """A ring and its channels, with a sequence that goes on by itself."""

    max_bytes: int = 1 << 20
    sequence: int = 0
    channels: Channels = field(
        default_factory=lambda: Channels(1_000_000, 3600, Catalog(lambda key: True))
    )

    def __post_init__(self) -> None:
        self.ring = Ring(self.max_bytes, 60, self.channels)

    def channel(self, key: str) -> Channel:
        """Return a channel, made where it is new."""
        return self.channels.get(key) or self.channels.create(key, 0)

    def append(self, key: str = "t.a", size: int = 10, time_ns: int = 0, count: int = 1) -> None:
        """Append entries of one channel at once."""
        entries: list[Entry] = []
        channel = self.channel(key)
        for _ in range(count):
            self.sequence += 1
            record = Record("", "message", bytes(size))
            entries.append(Entry(key, record, 0, 7, self.sequence, self.sequence, time_ns))
        channel.sequence = self.sequence
        self.ring.append(channel, entries, sum(map(cost, entries)))

    @property
    def held(self) -> list[Entry]:
        """The entries that the ring holds."""
        return list(self.ring.after(0, self.sequence))


def sequences(entries: Iterable[Entry]) -> list[int]:
    """Return the sequences of entries."""
    return [entry.sequence for entry in entries]


def test_entries_are_read_from_any_place_to_any_other() -> None:
    case = Case()
    for sequence in range(1, 11):
        case.append(f"t.{sequence % 2}")
    ring = case.ring
    assert sequences(ring.of("t.0", 3, 8)) == [4, 6, 8]
    assert sequences(ring.of_backwards("t.0", 8)) == [8, 6, 4, 2]
    assert sequences(ring.after(3, 6)) == [4, 5, 6]
    assert sequences(islice(ring.before(8), 3)) == [8, 7, 6]
    assert sequences(ring.after(10, 20)) == []
    assert sequences(ring.before(0)) == []
    assert sequences(ring.before(3)) == [3, 2, 1]
    assert sequences(ring.of("t.c", 0, 20)) == []


def test_entries_are_found_across_segments_and_after_the_index_was_made() -> None:
    case = Case(64 << 20)
    for _ in range(3 * SEGMENT_ENTRIES):
        case.append(f"t.{case.sequence % 2}")
    assert len(list(case.ring.of("t.1", 0, case.sequence))) == 3 * SEGMENT_ENTRIES // 2
    case.append("t.1")
    assert sequences(case.ring.of("t.1", case.sequence - 1, case.sequence)) == [case.sequence]
    middle = SEGMENT_ENTRIES + 5
    assert sequences(case.ring.after(middle, middle + 2)) == [middle + 1, middle + 2]
    assert sequences(islice(case.ring.of_backwards("t.0", middle), 2)) == [middle, middle - 2]


def test_a_new_channel_begins_after_what_may_have_been_before() -> None:
    case = Case()
    case.channels.dropped_sequence = 5
    assert case.channel("t.a").trimmed == 5


def test_a_channel_that_nobody_knows_any_more_raises_what_is_trimmed() -> None:
    case = Case()
    case.append(count=4)
    case.ring.forget(case.channel("t.a"))
    assert case.ring.trimmed == 4


def test_an_entry_over_the_quarter_is_not_held() -> None:
    case = Case(8_000)
    case.append(size=10)
    case.append(size=3_000)
    case.append("t.b")
    assert sequences(case.held) == [3]
    assert case.ring.trimmed == case.channel("t.a").trimmed == 2
    assert sequences(case.ring.of("t.a", 0, 3)) == []


def test_what_is_too_old_goes_whole_segments_at_a_time() -> None:
    case = Case()
    case.append(time_ns=0)
    case.ring.trim(59 * SECOND)
    assert sequences(case.held) == [1]
    case.ring.trim(60 * SECOND)
    assert (case.held, case.ring.bytes, case.ring.trimmed) == ([], 0, 1)


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from("abc"), st.integers(0, 600), st.integers(0, 20), st.integers(1, 3)
        ),
        max_size=60,
    )
)
def test_whatever_comes_the_ring_is_the_newest_within_its_bounds(
    steps: list[tuple[str, int, int, int]],
) -> None:
    case = Case(20_000)
    ring = case.ring
    said: list[Entry] = []
    now_ns = 0
    for letter, size, pause, count in steps:
        now_ns += pause * SECOND
        ring.trim(now_ns)
        before = case.sequence
        case.append(f"t.{letter}", size, now_ns, count)
        said += ring.after(before, case.sequence)
        assert sum(map(cost, case.held)) == ring.bytes <= 20_000
    ring.trim(now_ns)
    kept = case.held
    assert kept == [item for item in said if item in kept]
    assert all(item.time_ns > now_ns - 60 * SECOND for item in kept)
    for key in {f"t.{letter}" for letter, *_ in steps}:
        own = [item for item in kept if item.key == key]
        channel = case.channel(key)
        assert sum(map(cost, own)) == channel.retained_bytes <= 5_000
        assert list(ring.of(key, 0, case.sequence)) == own
        assert list(ring.of_backwards(key, case.sequence)) == own[::-1]
        assert all(item.sequence > channel.trimmed for item in own)
        assert own or channel.trimmed == channel.sequence
        assert channel.trimmed <= ring.trimmed
    assert ring.trimmed <= case.sequence
    assert all(
        channel <= ring.trimmed for channel in (case.channel(f"t.{x}").trimmed for x in "abc")
    )


def test_what_is_counted_is_what_python_takes() -> None:
    count = 5_000
    gc.collect()
    tracemalloc.start()
    case = Case(1 << 30)
    for number in range(count):
        case.append(f"t.{number // 10}", 200, number)
        assert next(case.ring.before(case.sequence)).wire
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.8 * taken < case.ring.bytes < 1.5 * taken
    assert ENTRY_COST < 512
