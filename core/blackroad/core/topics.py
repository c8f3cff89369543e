"""Which patterns match a key: one at a time, or a trie of many of them.

Patterns and keys are those of `names.py`: ``<tenant>.<name>``. ``*`` is one token, a last ``>`` is
one or more. A wildcard that stands at the first token of the *name* never matches a name under one
of `names.GUARDED`.
"""

import re
from functools import lru_cache
from typing import Generic, TypeVar

from blackroad.core.names import GUARDED, is_pattern

ONE = "*"
REST = ">"

T = TypeVar("T")

_UNGUARDED = rf"(?!(?:{'|'.join(sorted(GUARDED))})(?:\.|$))"


def matches(pattern: str, key: str) -> bool:
    """Tell whether a name or pattern matches a key."""
    return _expression(pattern).fullmatch(key) is not None


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    for position, token in enumerate(pattern.split(".")):
        guard = _UNGUARDED if position == 1 else ""
        if token == ONE:
            parts.append(guard + "[^.]+")
        elif token == REST:
            parts.append(guard + (rf"[^.]+(?:\.{_UNGUARDED}.+)?" if position == 0 else ".+"))
        else:
            parts.append(re.escape(token))
    return re.compile(r"\.".join(parts))


class Branch(Generic[T]):
    """What follows after some tokens of patterns."""

    __slots__ = ("ending", "named", "one", "rest")

    def __init__(self) -> None:
        self.named: dict[str, Branch[T]] = {}
        self.one: Branch[T] | None = None  # after a `*`
        self.ending: dict[T, None] = {}  # values of patterns that end here
        self.rest: dict[T, None] = {}  # values of patterns that end here with `>`

    @property
    def empty(self) -> bool:
        """Whether nothing is under it."""
        return not (self.named or self.one or self.ending or self.rest)


class Topics(Generic[T]):
    """Values by the topic they were added under. Matching costs by the tokens of the key."""

    __slots__ = ("_exact", "_patterns", "_root")

    def __init__(self) -> None:
        self._exact: dict[str, dict[T, None]] = {}
        self._root: Branch[T] = Branch()
        self._patterns = 0

    def __len__(self) -> int:
        """Return how many pairs of a topic and a value there are."""
        return self._patterns + sum(map(len, self._exact.values()))

    def add(self, topic: str, value: T) -> None:
        """Add a value under a checked name or pattern. Idempotent."""
        values = self._values(topic) if is_pattern(topic) else self._exact.setdefault(topic, {})
        if value not in values and is_pattern(topic):
            self._patterns += 1
        values[value] = None

    def remove(self, topic: str, value: T) -> None:
        """Remove a value from under a topic, where it is; free what became empty. Idempotent."""
        if is_pattern(topic):
            self._remove_pattern(topic, value)
        elif values := self._exact.get(topic):
            values.pop(value, None)
            if not values:
                del self._exact[topic]

    def match(self, key: str) -> list[T]:
        """Return the values of all topics that match the key, each once."""
        exact = self._exact.get(key, ())
        if not self._patterns:
            return list(exact)
        found: dict[T, None] = dict.fromkeys(exact)
        self._match_patterns(key, found)
        return list(found)

    def _match_patterns(self, key: str, found: dict[T, None]) -> None:
        branches = [self._root]
        tokens = key.split(".")
        guarded = len(tokens) > 1 and tokens[1] in GUARDED
        for position, token in enumerate(tokens):
            wild = not (guarded and position == 1)
            following: list[Branch[T]] = []
            for branch in branches:
                if branch.rest and wild and (position or not guarded):
                    found |= branch.rest
                if branch.one and wild:
                    following.append(branch.one)
                if named := branch.named.get(token):
                    following.append(named)
            if not following:
                return
            branches = following
        for branch in branches:
            found |= branch.ending

    def _values(self, pattern: str) -> dict[T, None]:
        branch = self._root
        for token in pattern.split("."):
            if token == REST:
                return branch.rest
            if token != ONE:
                branch = branch.named.setdefault(token, Branch())
            else:
                branch.one = branch.one or Branch()
                branch = branch.one
        return branch.ending

    def _remove_pattern(self, pattern: str, value: T) -> None:
        path: list[tuple[Branch[T], str]] = []
        branch = self._root
        tokens = pattern.split(".")
        for token in tokens[: -1 if tokens[-1] == REST else None]:
            following = branch.one if token == ONE else branch.named.get(token)
            if following is None:
                return
            path.append((branch, token))
            branch = following
        values = branch.rest if tokens[-1] == REST else branch.ending
        if value in values:
            del values[value]
            self._patterns -= 1
        self._prune(path, branch)

    @staticmethod
    def _prune(path: list[tuple[Branch[T], str]], branch: Branch[T]) -> None:
        for parent, token in reversed(path):
            if not branch.empty:
                return
            if token == ONE:
                parent.one = None
            else:
                del parent.named[token]
            branch = parent
