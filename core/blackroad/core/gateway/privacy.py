"""Which channels were private when: what is sent again is for those whom it was for."""

from collections.abc import Callable

from blackroad.core.channel.control import Change
from blackroad.core.log.entry import Entry, Positions


class Privacy:
    """Remembers what channels were before they changed, for as long as it may matter."""

    def __init__(self, is_private: Callable[[str], bool], heads: Callable[[], Positions]) -> None:
        self._is_private = is_private
        self._heads = heads
        self._former: dict[str, list[tuple[Positions, bool]]] = {}

    def __bool__(self) -> bool:
        """Tell whether a change is remembered."""
        return bool(self._former)

    def take(self, change: Change) -> None:
        """Remember what a channel was up to now."""
        if change.was_private is not None and change.was_private != self._is_private(change.key):
            former = self._former.setdefault(change.key, [])
            former.append((self._heads(), change.was_private))

    def forget(self) -> None:
        """Take that nothing from before is sent again. Idempotent."""
        self._former.clear()

    def at(self, entry: Entry) -> bool:
        """Tell whether an event's channel was private when it came."""
        for until, private in self._former.get(entry.key, ()):
            if entry.position <= until[entry.partition]:
                return private
        return self._is_private(entry.key)
