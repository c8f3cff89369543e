"""Turns: what a session asks about one channel is asked one after the other."""

from collections import deque
from collections.abc import Callable
from typing import Final

from blackroad.edge.errors import Refusal

MAX_WAITING: Final = 128
Begin = Callable[[], None]
Name = tuple[int, str]


class Turns:
    """Lets the next begin when the one before has ended, for each name."""

    def __init__(self) -> None:
        self._waiting: dict[Name, deque[Begin]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, name: Name, begin: Begin) -> None:
        """Begin now, or when it is its turn; Refusal `rate_limited` where too many wait."""
        waiting = self._waiting.get(name)
        if waiting is None:
            self._waiting[name] = deque()
            begin()
        elif len(waiting) < MAX_WAITING:
            waiting.append(begin)
        else:
            raise Refusal("rate_limited", channel=name[1])

    def end(self, name: Name) -> None:
        """End the turn that has begun; whose it is, begins."""
        waiting = self._waiting[name]
        if waiting:
            waiting.popleft()()
        else:
            del self._waiting[name]
