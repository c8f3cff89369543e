"""One partition of the memory engine: its sequence, and what it keeps of its channels."""

from collections.abc import Sequence
from dataclasses import replace

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Append, Appended, GapReason
from blackroad.core.log.entry import Entry, Position
from blackroad.core.log.history import Histories
from blackroad.core.log.idempotency import Answers, Request
from blackroad.core.log.numbers import Channel, Channels
from blackroad.core.log.ring import Ring, Track
from blackroad.core.log.selection import Selection


class Partition:
    """One ordered sequence of entries. Everything here is synchronous."""

    def __init__(
        self, number: int, epoch: int, ring: Ring, channels: Channels, histories: Histories, answers: Answers
    ) -> None:
        self.number = number
        self.epoch = epoch
        self.sequence = 0  # of the last entry
        self.ring = ring
        self.channels = channels
        self.histories = histories
        self.answers = answers
        self._now_ns = 0

    @property
    def head(self) -> Position:
        """The place of the last entry."""
        return Position(self.epoch, self.sequence)

    def settle(self, now_ns: int) -> list[str]:
        """Let go of what is past its time; return the keys of channels that lost their numbers."""
        self._now_ns = now_ns
        self.ring.trim(now_ns)
        self.answers.rotate(now_ns)
        gone = self.channels.retired(now_ns)
        for channel in gone:
            self.ring.drop(channel.key, channel.sequence)
            self.histories.forget(channel.key)
        return [channel.key for channel in gone]

    def append(self, append: Append, now_ns: int, into: list[Entry]) -> Appended | Rejection:
        """Append all records or none; add the entries to `into`."""
        request = Request(append.key, *append.idempotency) if append.idempotency else None
        if request and (first := self.answers.find(request)):
            return replace(first, duplicate=True)
        channel = self.channels.get(append.key)
        if refusal := _refusal(append, channel):
            return refusal
        if request and self.answers.full():
            wait = self.answers.room_in_seconds(now_ns)
            text = "too many idempotency keys at once"
            return Rejection(Code.RATE_LIMITED, text, retry_after_seconds=wait)
        answer = self._commit(append, channel or self.channels.create(append.key, now_ns), now_ns, into)
        if request:
            self.answers.put(request, answer)
        return answer

    def missing(self, selection: Selection, names: Sequence[str], after: Position) -> GapReason | None:
        """Tell why reading after a place would miss entries; `names` are those that lie here."""
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
        """Return the highest sequence of a channel that the ring no longer has, or may no longer have."""
        track: Track | None = self.ring.track(key)
        if track:
            return track.trimmed
        channel = self.channels.get(key)
        return channel.sequence if channel else self.channels.dropped_sequence

    def _commit(
        self, append: Append, channel: Channel, now_ns: int, into: list[Entry]
    ) -> Appended:
        first_offset = offset = channel.offset + 1
        entries: list[Entry] = []
        for record in append.records:
            self.sequence += 1
            entry = Entry(
                append.key,
                record.type,
                record.body,
                self.number,
                Position(self.epoch, self.sequence),
                offset,
                now_ns,
                record.expires_ns,
                record.answer,
            )
            self.ring.append(entry, channel.sequence)
            channel.sequence = self.sequence
            channel.offset = offset
            offset += 1
            entries.append(entry)
        channel.updated_ns = now_ns
        if append.fence:
            channel.attempt = append.fence.attempt
            channel.ended = channel.ended or append.fence.ends
        self.channels.touch(channel, append.keep)
        self.histories.append(append.key, entries, append.keep)
        into += entries
        ids = tuple([record.event_id for record in append.records])
        return Appended(ids, first_offset, entries[-1].position, self.number, now_ns)


def _refusal(append: Append, channel: Channel | None) -> Rejection | None:
    """Return why the guards of an append do not hold."""
    if append.fence and channel:
        if channel.ended:
            return Rejection(Code.CANCELLED, "it has ended")
        if append.fence.attempt < channel.attempt:
            return Rejection(Code.CONFLICT, f"attempt {channel.attempt} has taken over")
    present = channel.offset if channel else 0
    if append.expected_offset is not None and append.expected_offset != present:
        return Rejection(Code.CONFLICT, f"the last offset is {present}")
    return None
