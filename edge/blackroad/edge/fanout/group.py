"""Receivers that get the same bytes: the same numbers, rendered in the same way."""

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

    from blackroad.edge.fanout.receiver import Receiver, Sink

R = TypeVar("R", bound="Hashable")

Seats = frozenset[tuple[int, str]]
"""Numbers, each with the request_id that its events carry."""


class Group(Generic[R]):
    """Members in two sets: those that are written to, and those that have a queue of their own."""

    __slots__ = ("_fast", "_sinks", "numbers", "rendering", "seats", "size", "slow")

    def __init__(self, rendering: R, seats: Seats) -> None:
        self.rendering = rendering
        self.seats = seats
        self.numbers = dict(seats)
        self.size = 0
        """Its members, those included that stand in neither set until the next flush."""
        self.slow: dict[Receiver[R], None] = {}
        self._fast: dict[Receiver[R], None] = {}
        self._sinks: list[Sink] | None = None

    def sinks(self) -> "list[Sink]":
        """Return where to write for the fast members; a list that later changes leave alone."""
        if self._sinks is None:
            self._sinks = [member.sink for member in self._fast]
        return self._sinks

    def place(self, member: "Receiver[R]", fast: bool) -> None:
        """Put a member into the one set or the other; idempotent."""
        if fast:
            self.slow.pop(member, None)
            if member not in self._fast:
                self._fast[member] = None
                self._sinks = None
            return
        self.slow[member] = None
        self._lift(member)

    def remove(self, member: "Receiver[R]") -> None:
        """Take a member out; idempotent."""
        self.slow.pop(member, None)
        self._lift(member)

    def _lift(self, member: "Receiver[R]") -> None:
        if member in self._fast:
            del self._fast[member]
            self._sinks = None
