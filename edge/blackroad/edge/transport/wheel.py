"""One timer for all sockets of a process: each has a place in a ring, and its turn once a round."""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """A set whose members take turns, one place a tick, spread evenly; adding is O(1)."""

    def __init__(self, ticks: int) -> None:
        self._places: list[set[T]] = [set() for _ in range(ticks)]
        self._next = 0

    def __len__(self) -> int:
        return sum(map(len, self._places))

    def __iter__(self) -> Iterator[T]:
        """Iterate over a copy: members may leave meanwhile."""
        return iter([member for place in self._places for member in place])

    def add(self, member: T) -> int:
        """Put in a member; return its place, which `discard` wants back."""
        self._next = (self._next + 1) % len(self._places)
        self._places[self._next].add(member)
        return self._next

    def discard(self, member: T, place: int) -> None:
        """Take out a member, if it is there."""
        self._places[place].discard(member)

    def due(self, tick: int) -> list[T]:
        """Return those whose turn it is at this tick, once a round."""
        return list(self._places[tick % len(self._places)])
