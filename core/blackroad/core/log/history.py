"""The latest entries of each channel, for those who come later: they outlive the ring."""

from collections import OrderedDict

import msgspec

from blackroad.core.log.base import HistoryPage, Keep
from blackroad.core.log.entry import Entry
from blackroad.core.log.ring import cost


class _History(msgspec.Struct, gc=False, eq=False):
    """What one channel keeps."""

    keep: Keep
    entries: list[Entry]
    bytes: int

    def cut(self, count: int) -> int:
        """Drop the oldest `count` entries; return their bytes."""
        freed = sum([cost(entry) for entry in self.entries[:count]])
        del self.entries[:count]
        self.bytes -= freed
        return freed

    def shown(self, now_ns: int) -> list[Entry]:
        """Return the entries that are not past their time, oldest first."""
        oldest_ns = now_ns - int(self.keep.seconds * 1e9)
        return [
            entry
            for entry in self.entries
            if entry.time_ns > oldest_ns and not 0 < entry.expires_ns <= now_ns
        ]


class Histories:
    """The histories of a partition's channels: each bounded by its policy, all together in bytes.

    Over the bytes, the channels that were written the longest ago lose theirs first.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._by_key: OrderedDict[str, _History] = OrderedDict()  # the latest written last
        self.bytes = 0

    def __contains__(self, key: str) -> bool:
        """Tell whether something is kept of a channel, expired or not."""
        return key in self._by_key

    def append(self, key: str, entries: list[Entry], added: int, keep: Keep) -> None:
        """Take a channel's next entries, under the policy of now.

        They cost `added` together; the list may become the history's own.
        """
        if keep.events <= 0 or keep.seconds <= 0:
            if key in self._by_key:
                self.forget(key)
            return
        history = self._by_key.get(key)
        if history is None:
            history = self._by_key[key] = _History(keep, entries, added)
        else:
            self._by_key.move_to_end(key)
            history.keep = keep
            history.entries += entries
            history.bytes += added
        excess = len(history.entries) - keep.events
        self.bytes += added - (history.cut(excess) if excess > 0 else 0)
        if self.bytes > self._max_bytes:
            self._shrink()

    def forget(self, key: str) -> None:
        """Drop what is kept of a channel. Idempotent."""
        if history := self._by_key.pop(key, None):
            self.bytes -= history.bytes

    def page(
        self, key: str, limit: int, before: int | None, after: int | None, now_ns: int
    ) -> HistoryPage:
        """Return the oldest after an offset where one is given, else the newest (before one)."""
        history = self._by_key.get(key)
        entries = history.shown(now_ns) if history else []
        if before is not None:
            entries = [entry for entry in entries if entry.offset < before]
        if after is not None:
            entries = [entry for entry in entries if entry.offset > after]
            return HistoryPage(entries[:limit], len(entries) > limit)
        return HistoryPage(entries[max(0, len(entries) - limit) :], len(entries) > limit)

    def _shrink(self) -> None:
        """Come back under the bytes; the channel that was written last is cut, not forgotten."""
        while self.bytes > self._max_bytes and len(self._by_key) > 1:
            self.forget(next(iter(self._by_key)))
        key, history = next(iter(self._by_key.items()))
        while self.bytes > self._max_bytes and history.entries:
            self.bytes -= history.cut(1)
        if not history.entries:
            self.forget(key)
