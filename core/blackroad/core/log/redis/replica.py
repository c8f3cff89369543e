"""What a node has at hand of one partition: the newest entries, and the numbers of its channels."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from blackroad.core.log.base import GapReason, Keep
from blackroad.core.log.catalog import Catalog
from blackroad.core.log.entry import Entry, Position
from blackroad.core.log.history import Histories
from blackroad.core.log.idempotency import Answers
from blackroad.core.log.numbers import Channels
from blackroad.core.log.partition import Partition
from blackroad.core.log.reading import Stretch, newest_of, read_partition
from blackroad.core.log.redis.codec import Limits, Numbers, Read, State
from blackroad.core.log.redis.past import Past
from blackroad.core.log.ring import Ring, cost
from blackroad.core.log.selection import Selection


class Replica:
    """A follower of one partition that answers for it: kept up by what is read, in order.

    The ring has the newest entries, the server those of the retention; whether something between is
    gone is known here. Everything is synchronous.
    """

    def __init__(self, number: int, limits: Limits, ring_bytes: int, catalog: Catalog) -> None:
        self.number = number
        self._limits = limits
        self._ring_bytes = ring_bytes
        self._catalog = catalog
        self.past = Past()
        self.trimmed = 0  # the highest sequence that the server has let go
        self._punched: dict[str, int] = {}
        self.known = True  # all that comes is taken; else only where it comes
        self._part = self._partition(Position(0, 0))

    @property
    def head(self) -> Position:
        """The place of the last entry."""
        return self._part.head

    def begin(self, head: Position, state: State, channels: Iterable[tuple[str, Numbers]]) -> None:
        """Forget all, and begin anew after a place."""
        self.past.clear()
        self._punched.clear()
        self.trimmed = 0
        self.known = True
        self._part = part = self._partition(head)
        self.note(state)
        part.channels.dropped_sequence = min(state.dropped_sequence, head.sequence)
        for key, numbers in sorted(channels, key=lambda one: one[1].updated_us):
            channel = part.channels.create(key, numbers.created_us * 1000)
            channel.offset, channel.sequence = numbers.offset, numbers.sequence
            channel.updated_ns = numbers.updated_us * 1000
            channel.trimmed = min(numbers.sequence, head.sequence)
            part.channels.touch(channel, _keep(numbers.kept_us / 1e6))

    def note(self, state: State) -> None:
        """Take up what the server says of what it has let go."""
        if state.epoch == self._part.epoch:
            self.trimmed = max(self.trimmed, state.trimmed)
            for key, sequence in state.punched:
                self._punched[key] = max(sequence, self._punched.get(key, 0))

    def leave(self) -> None:
        """Let go of all: from now on only places are told."""
        self.past.clear()
        self._punched.clear()
        self.known = False
        self._part = self._partition(self.head)

    def learn(self, state: State, channels: Iterable[tuple[str, Numbers]]) -> None:
        """Take up which channels there are, and nothing else of them."""
        self.begin(self.head, state, channels)
        self.known = False

    def pass_to(self, place: Position) -> None:
        """Go on after a place: what was before it was not taken."""
        self._part.epoch, self._part.sequence = place

    def follows(self, position: Position) -> bool:
        """Tell whether an entry there is the next one."""
        part = self._part
        return position.epoch == part.epoch and position.sequence == part.sequence + 1

    def take(self, reads: Sequence[Read]) -> None:
        """Add the next entries."""
        part = self._part
        for key, run in groupby(reads, key=_key):
            own = list(run)
            last = own[-1].entry
            channel = part.channels.get(key)
            if channel is None:
                channel = part.channels.create(key, own[0].entry.time_ns)
            channel.offset, channel.sequence = last.offset, last.sequence
            channel.updated_ns = last.time_ns
            entries = [read.entry for read in own]
            part.ring.append(channel, entries, sum(map(cost, entries)))
            part.channels.touch(channel, _keep(own[-1].kept_seconds))
        part.sequence = reads[-1].entry.sequence

    def settle(self, now_ns: int) -> None:
        """Let go of what is past its time."""
        self._part.settle(now_ns)

    def exists(self, key: str) -> bool:
        """Tell whether a channel has numbers."""
        return self._part.channels.get(key) is not None

    def missing(
        self, selection: Selection, names: Sequence[str], after: Position
    ) -> GapReason | None:
        """Tell why reading after a place would miss entries, here and in the server.

        Of what is not taken it says so where it does not know: a gap that is told in vain, and no
        silent one.
        """
        if not self.known:
            concerned = bool(names or selection.patterns) and after < self.head
            return GapReason.EXPIRED if concerned else None
        reason = self._part.missing(selection, names, after)
        if reason is GapReason.EXPIRED and self._logged(selection, names, after.sequence):
            return None
        return reason

    def read(
        self,
        selection: Selection,
        names: Sequence[str],
        after: Position,
        until: Position,
        max_bytes: int,
        now_ns: int,
    ) -> Stretch | GapReason | None:
        """Return the selected entries; None where the server must be asked."""
        if reason := self.missing(selection, names, after):
            return reason
        part = self._part
        if part.missing(selection, names, after) is None:
            return read_partition(part, selection, names, after, until, max_bytes, now_ns)
        if max_bytes <= 0 or until.sequence <= after.sequence:
            return Stretch((), after, 0)
        block = self.past.find(after.sequence)
        if block is None:
            return None
        end = min(block.until, until.sequence)
        entries: list[Entry] = []
        size = 0
        for entry in block.entries:
            if not after.sequence < entry.sequence <= end or not selection.wants(entry.key):
                continue
            if 0 < entry.expires_ns <= now_ns:
                continue
            if size >= max_bytes:
                return Stretch(entries, entries[-1].position, size)
            entries.append(entry)
            size += entry.size
        return Stretch(entries, Position(part.epoch, end), size)

    def wanting(
        self, selection: Selection, names: Sequence[str], after: Position
    ) -> "Wanting | None":
        """Tell what must be read from the server before `read` can go on; None where nothing."""
        part = self._part
        if self.missing(selection, names, after) is not None:
            return None
        if part.missing(selection, names, after) is None or self.past.find(after.sequence):
            return None
        return Wanting(part.epoch, after.sequence, part.ring.trimmed)

    def newest(
        self,
        selection: Selection,
        names: Sequence[str],
        until: Position,
        limit: int,
        now_ns: int,
    ) -> tuple[list[Entry], bool]:
        """Return the newest selected entries of the ring, and whether these are all."""
        if not self.known:
            return [], not (names or selection.patterns)
        return newest_of(self._part, selection, names, until, limit, now_ns)

    def _logged(self, selection: Selection, names: Sequence[str], after: int) -> bool:
        """Tell whether the server still has all that is selected after a sequence."""
        channels = self._part.channels
        if after < self.trimmed:
            return False
        if after < channels.dropped_sequence and (
            selection.patterns or any(channels.get(name) is None for name in names)
        ):
            return False
        if any(self._punched.get(name, 0) > after for name in names):
            return False
        return not selection.patterns or not any(
            sequence > after and selection.wants(key) for key, sequence in self._punched.items()
        )

    def _partition(self, head: Position) -> Partition:
        limits = self._limits
        channels = Channels(limits.max_channels, limits.idle_seconds, self._catalog)
        ring = Ring(self._ring_bytes, limits.retain_seconds, channels, head.sequence + 1)
        nothing = Histories(0), Answers(0, 0)
        part = Partition(self.number, head.epoch, ring, channels, *nothing)
        part.sequence = head.sequence
        return part


class Wanting(NamedTuple):
    """What a reader wants that only the server has: what comes after a sequence of an epoch."""

    epoch: int
    after: int
    until: int  # from there on the ring has it


_KEEPS: dict[float, Keep] = {}


def _keep(seconds: float) -> Keep:
    """Return a policy that keeps numbers as long as one with this age of history."""
    keep = _KEEPS.get(seconds)
    if keep is None:
        if len(_KEEPS) >= 1024:
            _KEEPS.clear()
        keep = _KEEPS[seconds] = Keep(1 if seconds > 0 else 0, seconds)
    return keep


def _key(read: Read) -> str:
    return read.entry.key
