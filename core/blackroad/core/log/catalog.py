"""The keys of channels in their order, for those who list them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from itertools import takewhile

from blackroad.core.names import is_pattern
from blackroad.core.topics import matches

_FEW = 64  # insertions that are cheaper than a sort


class Catalog:
    """Sorted keys, brought up to date when asked for. `alive` tells which of them still exist."""

    def __init__(self, alive: Callable[[str], bool]) -> None:
        self._alive = alive
        self._keys: list[str] = []
        self._added: list[str] = []
        self._dropped = 0

    def __len__(self) -> int:
        """Return how many keys are held, those included that ceased and are not swept out yet."""
        return len(self._keys) + len(self._added)

    def add(self, key: str) -> None:
        """Note a key that came to be."""
        self._added.append(key)

    def drop(self) -> None:
        """Note that a key ceased to be; it is swept out when half of them are gone."""
        self._dropped += 1
        if self._dropped > 1024 + len(self) // 2:
            self._keys = [key for key in self._keys if self._alive(key)]
            self._added = [key for key in set(self._added) if self._alive(key)]
            self._dropped = 0

    def page(self, pattern: str, after: str, limit: int) -> list[str]:
        """Return up to `limit` keys after a key that match, in order."""
        self._settle()
        if not is_pattern(pattern):
            return [pattern] if limit > 0 and pattern > after and self._alive(pattern) else []
        found: list[str] = []
        for key in self._candidates(_literal(pattern), after):
            if len(found) >= limit:
                break
            if matches(pattern, key) and self._alive(key) and key not in found[-1:]:
                found.append(key)
        return found

    def _candidates(self, prefix: str, after: str) -> Iterator[str]:
        keys = self._keys
        first = max(bisect_left(keys, prefix), bisect_right(keys, after))
        following = (keys[position] for position in range(first, len(keys)))
        return takewhile(lambda key: key.startswith(prefix), following)

    def _settle(self) -> None:
        if len(self._added) <= _FEW:
            for key in self._added:
                insort(self._keys, key)
        else:
            self._keys = sorted({*self._keys, *self._added})
        self._added.clear()


def _literal(pattern: str) -> str:
    """Return what every matching key begins with."""
    tokens = list(takewhile(lambda token: token not in ("*", ">"), pattern.split(".")))
    return "".join(f"{token}." for token in tokens)
