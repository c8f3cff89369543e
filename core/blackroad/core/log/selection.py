"""What a reader asks for: names, patterns, and which of the matching channels it may see."""

from collections.abc import Sequence

from blackroad.core.log.base import Visible
from blackroad.core.log.layout import partition_of
from blackroad.core.names import is_pattern
from blackroad.core.topics import matches


class Selection:
    """The topics of one call. Asks `visible` once for each channel that only a pattern matches."""

    __slots__ = ("_known", "_visible", "names", "patterns")

    def __init__(self, topics: Sequence[str], visible: Visible) -> None:
        self.names = frozenset(topic for topic in topics if not is_pattern(topic))
        self.patterns = [topic for topic in topics if is_pattern(topic)]
        self._visible = visible
        self._known = dict.fromkeys(self.names, True)

    def wants(self, key: str) -> bool:
        """Tell whether the channel is asked for and may be shown."""
        known = self._known.get(key)
        if known is None:
            known = any(matches(pattern, key) for pattern in self.patterns) and self._visible(key)
            self._known[key] = known
        return known

    def names_in(self, partition: int, partitions: int) -> Sequence[str]:
        """Return the names that lie in a partition."""
        if partitions == 1:
            return list(self.names)
        return [name for name in self.names if partition_of(name, partitions) == partition]


def everything(key: str) -> bool:
    """Show every channel."""
    del key
    return True
