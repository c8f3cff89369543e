"""Reading a partition by names and patterns, in the order of its sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice, takewhile
from operator import attrgetter

from blackroad.core.log.entry import Entry, Position
from blackroad.core.log.partition import Partition
from blackroad.core.log.selection import Selection

MAX_SCANNED = 10_000  # places that one page passes over for a pattern
MAX_LOOKED_BACK = 20_000  # places that `newest` does

_sequence = attrgetter("sequence")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries of one partition, and the place that they reach."""

    entries: Sequence[Entry]
    reached: Position
    bytes: int


def read_partition(
    part: Partition,
    selection: Selection,
    names: Sequence[str],
    after: Position,
    until: Position,
    max_bytes: int,
    now_ns: int,
) -> Stretch:
    """Return the selected entries in (after, until]: about `max_bytes`, none where that is 0."""
    if not (names or selection.patterns):
        return Stretch((), until, 0)
    if max_bytes <= 0 or until.sequence <= after.sequence:
        return Stretch((), after, 0)
    end = until.sequence
    if selection.patterns:
        end = min(end, after.sequence + MAX_SCANNED)
        found = _scan(part, selection, after.sequence, end)
    else:
        found = _merged(part, names, after.sequence, end)
    entries: list[Entry] = []
    size = 0
    for entry in found:
        if 0 < entry.expires_ns <= now_ns:
            continue
        if size >= max_bytes:
            return Stretch(entries, entries[-1].position, size)
        entries.append(entry)
        size += entry.size
    return Stretch(entries, Position(part.epoch, end), size)


def newest_of(
    part: Partition,
    selection: Selection,
    names: Sequence[str],
    until: Position,
    limit: int,
    now_ns: int,
) -> tuple[list[Entry], bool]:
    """Return the newest selected entries up to a place, oldest first, and whether that is all."""
    entries: list[Entry] = []
    for entry in _backwards(part, selection, names, until.sequence):
        if len(entries) >= limit:
            return entries[::-1], True
        if not 0 < entry.expires_ns <= now_ns:
            entries.append(entry)
    whole = part.missing(selection, names, Position(part.epoch, 0)) is None
    looked = not selection.patterns or until.sequence - part.ring.trimmed <= MAX_LOOKED_BACK
    return entries[::-1], len(entries) >= limit or (whole and looked)


def _merged(part: Partition, names: Sequence[str], after: int, until: int) -> Iterator[Entry]:
    runs = [part.ring.of(name, after, until) for name in names]
    return runs[0] if len(runs) == 1 else merge(*runs, key=_sequence)


def _scan(part: Partition, selection: Selection, after: int, until: int) -> Iterator[Entry]:
    for entry in part.ring.after(after, until):
        if selection.wants(entry.key):
            yield entry


def _backwards(
    part: Partition, selection: Selection, names: Sequence[str], until: int
) -> Iterator[Entry]:
    if not selection.patterns:
        runs = [_own_backwards(part, name, until) for name in names]
        yield from merge(*runs, key=_sequence, reverse=True)
        return
    for entry in islice(part.ring.before(until), MAX_LOOKED_BACK):
        if selection.wants(entry.key):
            yield entry


def _own_backwards(part: Partition, name: str, until: int) -> Iterator[Entry]:
    """Yield a channel's entries, newest first, without those of a channel of this name before."""
    channel = part.channels.get(name)
    if channel is None:
        return iter(())
    trimmed = channel.trimmed
    return takewhile(lambda entry: entry.sequence > trimmed, part.ring.of_backwards(name, until))
