"""One partition of the memory engine: its sequence, and what it keeps of its channels."""

from collections.abc import Sequence
from dataclasses import dataclass

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Append, Appended, GapReason
from blackroad.core.log.entry import Entry, Position
from blackroad.core.log.history import Histories
from blackroad.core.log.idempotency import Answers, request_of
from blackroad.core.log.numbers import Channel, Channels
from blackroad.core.log.ring import RECORD_COST, Ring
from blackroad.core.log.selection import Selection


@dataclass(slots=True)
class Partition:
    """One ordered sequence of entries. Everything here is synchronous."""

    number: int
    epoch: int
    ring: Ring
    channels: Channels
    histories: Histories
    answers: Answers
    sequence: int = 0  # of the last entry

    @property
    def head(self) -> Position:
        """The place of the last entry."""
        return Position(self.epoch, self.sequence)

    def settle(self, now_ns: int) -> None:
        """Let go of what is past its time."""
        self.ring.trim(now_ns)
        self.answers.rotate(now_ns)
        for channel in self.channels.retired(now_ns):
            self.ring.forget(channel)
            self.histories.forget(channel.key)

    def append(self, append: Append, now_ns: int, into: list[Entry]) -> Appended | Rejection:
        """Append all records or none; add the entries to `into`."""
        if append.idempotency is not None:
            return self._append_once(append, *append.idempotency, now_ns, into)
        channel = self.channels.get(append.key)
        guarded = append.fence or append.expected_offset is not None
        if guarded and (refusal := _refusal(append, channel)):
            return refusal
        return self._commit(append, channel, now_ns, into)

    def missing(
        self, selection: Selection, names: Sequence[str], after: Position
    ) -> GapReason | None:
        """Tell why reading after a place would miss entries; `names` are those that lie here."""
        if not names and not selection.patterns:
            return None
        if not after.epoch:
            return GapReason.NOT_KEPT
        if after.epoch != self.epoch or after.sequence > self.sequence:
            return GapReason.EPOCH_CHANGED
        if self.ring.trimmed <= after.sequence:
            return None
        lost = any(self._gone(name) > after.sequence for name in names)
        if not lost and selection.patterns:
            lost = self._lost_of_patterns(selection, after.sequence)
        return GapReason.EXPIRED if lost else None

    def _lost_of_patterns(self, selection: Selection, sequence: int) -> bool:
        if self.channels.dropped_sequence > sequence:
            return True
        return any(
            self._gone(channel.key) > sequence and selection.wants(channel.key)
            for channel in self.channels.since(sequence)
        )

    def _gone(self, key: str) -> int:
        """Return the highest sequence of a channel that the ring does not have, or may not."""
        channel = self.channels.get(key)
        return channel.trimmed if channel else self.channels.dropped_sequence

    def _crowded(self, now_ns: int) -> Rejection:
        wait = self.answers.room_in_seconds(now_ns)
        text = "too many idempotency keys at once"
        return Rejection(Code.RATE_LIMITED, text, retry_after_seconds=wait)

    def _append_once(
        self, append: Append, subject: str, key: str, now_ns: int, into: list[Entry]
    ) -> Appended | Rejection:
        """Append what was not appended before, or give the first answer again."""
        request = request_of(append.key, subject, key)
        if first := self.answers.find(request):
            return first.repeated
        channel = self.channels.get(append.key)
        if refusal := _refusal(append, channel):
            return refusal
        if self.answers.full():
            return self._crowded(now_ns)
        answer = self._commit(append, channel, now_ns, into)
        self.answers.put(request, answer)
        return answer

    def _commit(
        self, append: Append, channel: Channel | None, now_ns: int, into: list[Entry]
    ) -> Appended:
        """Give each record its place. The hottest lines of a core without Redis.

        What is not told takes no place of the partition, and lies in the history only.
        """
        key, number, epoch = append.key, self.number, self.epoch
        if channel is None:
            channel = self.channels.create(key, now_ns)
        sequence, offset = self.sequence, channel.offset
        step = 1 if append.told else 0
        size = 0
        ids: list[str] = []
        entries: list[Entry] = []
        for record in append.records:
            sequence += step
            offset += 1
            size += record.size
            ids.append(record.event_id)
            entries.append(Entry(key, record, number, epoch, sequence, offset, now_ns))
        first_offset = channel.offset + 1
        # Also of what is not told: channels are looked through in the order of their writing.
        self.sequence = channel.sequence = sequence
        channel.offset = offset
        channel.updated_ns = now_ns
        if fence := append.fence:
            channel.attempt, channel.ended = fence.attempt, fence.ends
        added = RECORD_COST * len(entries) + 2 * size
        if append.told:
            self.ring.append(channel, entries, added)
            into += entries
        self.channels.touch(channel, append.keep)
        self.histories.append(key, entries, added, append.keep)
        return Appended(tuple(ids), first_offset, epoch, sequence, number, now_ns)


def _refusal(append: Append, channel: Channel | None) -> Rejection | None:
    """Return why the guards of an append do not hold."""
    if append.fence and channel:
        if channel.ended:
            return Rejection(Code.CANCELLED, "it has ended")
        if append.fence.attempt < channel.attempt:
            return Rejection(Code.CONFLICT, f"attempt {channel.attempt} has taken over")
    if append.expected_offset is None:
        return None
    present = channel.offset if channel else 0
    if append.expected_offset != present:
        return Rejection(Code.CONFLICT, f"the last offset is {present}")
    return None
