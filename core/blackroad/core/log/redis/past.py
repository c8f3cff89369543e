"""Stretches of the log that a node no longer has in its ring, read when somebody resumes there."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from blackroad.core.log.entry import Entry
from blackroad.core.log.ring import cost

BLOCK = 256  # sequences, aligned, so that all who resume about there share one read
MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """All that the log has with sequences in (after, until], in order."""

    after: int
    until: int
    entries: Sequence[Entry]
    bytes: int


def bounds_of(after: int) -> tuple[int, int]:
    """Return the stretch that has what comes after a sequence: (after, until]."""
    start = after // BLOCK * BLOCK
    return start, start + BLOCK


class Past:
    """The blocks that were read last, of one partition: bounded in bytes, but for the newest."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self.bytes = 0

    def find(self, after: int) -> Block | None:
        """Return the block that has what comes after a sequence."""
        start, _ = bounds_of(after)
        block = self._blocks.get(start)
        if block is None or not block.after <= after < block.until:
            return None
        self._blocks.move_to_end(start)
        return block

    def put(self, after: int, until: int, entries: Sequence[Entry]) -> None:
        """Keep a block for a while; it takes the place of a former one of this stretch."""
        start, _ = bounds_of(after)
        self._drop(start)
        block = Block(after, until, entries, sum(map(cost, entries)))
        self._blocks[start] = block
        self.bytes += block.bytes
        while self.bytes > MAX_BYTES and len(self._blocks) > 1:
            self._drop(next(iter(self._blocks)))

    def clear(self) -> None:
        """Let go of all."""
        self._blocks.clear()
        self.bytes = 0

    def _drop(self, start: int) -> None:
        if block := self._blocks.pop(start, None):
            self.bytes -= block.bytes
