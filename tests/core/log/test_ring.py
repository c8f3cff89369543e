"""The ring: its bounds, its holes, and that it counts what Python really takes."""

import gc
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.log.entry import Entry, Position
from blackroad.core.log.ring import ENTRY_COST, HOLE_COST, TRACK_COST, Ring, cost

SECOND = 1_000_000_000


def entry(sequence: int, key: str = "t.a", size: int = 10, time_ns: int = 0) -> Entry:
    """Return an entry."""
    return Entry(key, "message", bytes(size), 0, Position(7, sequence), sequence, time_ns)


def held(ring: Ring) -> list[int]:
    """Return the sequences that a ring holds."""
    return [place.sequence for place in ring.after(0, 1 << 40, 1 << 20) if place is not None]


def test_entries_are_read_from_any_place_to_any_other() -> None:
    ring = Ring(1 << 20, 60)
    for sequence in range(1, 11):
        ring.append(entry(sequence, f"t.{sequence % 2}"), 0)
    track = ring.track("t.0")
    assert track is not None
    assert [found.sequence for found in track.after(3, 8)] == [4, 6, 8]
    assert [found.sequence for found in track.before(8)] == [8, 6, 4, 2]
    places = ring.after(3, 8, 3)
    assert [place.sequence for place in places if place] == [4, 5, 6]
    assert [place.sequence for place in ring.before(8, 3) if place] == [6, 7, 8]
    assert ring.after(10, 20, 5) == []
    assert ring.before(0, 5) == []
    assert len(ring.before(3, 9)) == 3


def test_a_new_track_begins_after_what_its_channel_had_before() -> None:
    ring = Ring(1 << 20, 60)
    ring.append(entry(1), 0)
    ring.append(entry(2, "t.b"), 1)
    tracks = [ring.track(key) for key in ("t.a", "t.b")]
    assert [track.trimmed for track in tracks if track] == [0, 1]


def test_a_dropped_channel_leaves_holes_that_are_counted_and_go() -> None:
    ring = Ring(1 << 20, 60)
    for sequence in range(1, 5):
        ring.append(entry(sequence, f"t.{sequence % 2}"), 0)
    ring.drop("t.0", 4)
    assert held(ring) == [1, 3]
    assert ring.trimmed == 4
    assert ring.bytes == 2 * cost(entry(1)) + TRACK_COST + 2 * HOLE_COST
    ring.trim(100 * SECOND)
    assert (len(ring), ring.bytes) == (0, 0)


def test_dropping_a_channel_without_entries_raises_what_is_trimmed() -> None:
    ring = Ring(1 << 20, 60)
    ring.drop("t.a", 5)
    assert ring.trimmed == 5


def test_an_entry_over_the_quarter_is_not_held() -> None:
    ring = Ring(8_000, 60)
    ring.append(entry(1, size=10), 0)
    ring.append(entry(2, size=3_000), 1)
    ring.append(entry(3, "t.b"), 0)
    assert held(ring) == [3]
    assert ring.trimmed == 2


def test_trimming_by_age_is_done_in_portions() -> None:
    ring = Ring(64 << 20, 60)
    for sequence in range(1, 5_001):
        ring.append(entry(sequence), sequence - 1)
    sizes: list[int] = []
    while len(ring):
        sizes.append(len(ring))
        ring.trim(60 * SECOND)
    assert sizes == [5_000, 3_000, 1_000]


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 600), st.integers(0, 20)), max_size=60
    )
)
def test_whatever_comes_the_ring_is_the_newest_within_its_bounds(
    steps: list[tuple[str, int, int]],
) -> None:
    ring = Ring(20_000, 60)
    said: list[Entry] = []
    last: dict[str, int] = {}
    now_ns = 0
    for sequence, (letter, size, pause) in enumerate(steps, 1):
        now_ns += pause * SECOND
        ring.trim(now_ns)
        key = f"t.{letter}"
        said.append(entry(sequence, key, size, now_ns))
        ring.append(said[-1], last.get(key, 0))
        last[key] = sequence
    ring.trim(now_ns)
    kept = [place for place in ring.after(0, len(said), len(said)) if place is not None]
    assert kept == [item for item in said if item in kept]
    assert all(item.time_ns > now_ns - 60 * SECOND for item in kept)
    holes = len(ring) - len(kept)
    by_key = {key: [item for item in kept if item.key == key] for key in last}
    tracks = sum(bool(items) for items in by_key.values())
    assert ring.bytes == sum(map(cost, kept)) + holes * HOLE_COST + tracks * TRACK_COST <= 20_000
    for key, items in by_key.items():
        assert sum(map(cost, items)) <= 5_000
        track = ring.track(key)
        lost = [item.sequence for item in said if item.key == key and item not in items]
        assert (track is None) == (not items)
        if track is not None:
            assert [item.sequence for item in track.after(0, len(said))] == [
                item.sequence for item in items
            ]
            assert track.trimmed == max(lost, default=0)
    assert ring.trimmed == max((item.sequence for item in said if item not in kept), default=0)


def test_what_is_counted_is_what_python_takes() -> None:
    count = 20_000
    gc.collect()
    tracemalloc.start()
    ring = Ring(1 << 30, 60)
    for sequence in range(1000, 1000 + count):
        body = bytes([sequence % 256]) * 200
        key = f"t.{sequence // 10}"
        made = Entry(key, "message", body, 0, Position(7, sequence), sequence, sequence * 1_000)
        made.heads = (made.position,)
        assert made.wire
        ring.append(made, 0)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.8 * taken < ring.bytes < 1.5 * taken
    assert ENTRY_COST < 512
