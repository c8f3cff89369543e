"""One channel's occupants, and what of their coming and going is still to be told."""

from collections.abc import Hashable, Iterator
from heapq import nsmallest
from typing import Final, NamedTuple

from blackroad.core.errors import Code, Rejection

ONE_BY_ONE: Final = 200
"""Up to so many occupants each coming and going is told, and the list; above, only the number."""
COUNT_SECONDS: Final = 1.0
"""How often the number is told at most."""

Told = tuple[str, dict[str, object]]
"""A type and the fields of an event."""


class Turn(NamedTuple):
    """An identity came or went, and how many there were then."""

    joined: bool
    subject: str
    members: int


class Seat:
    """An identity's place, held by its sessions, or by none until `frees_at`."""

    __slots__ = ("frees_at", "holders", "since_ns")

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.holders: dict[Hashable, None] = {}
        self.frees_at: float | None = None


class Room:
    """The seats of a channel: one for each identity, whatever the number of its sessions."""

    __slots__ = ("_both", "_told_at", "_turns", "count_is_due", "count_is_timed", "others", "seats")

    def __init__(self) -> None:
        self.seats: dict[str, Seat] = {}  # that this node gives
        self.others: dict[str, dict[str, int]] = {}  # subjects that others seat, by node: since
        self._both = 0  # subjects that this node and another seat
        self.count_is_due = False
        self.count_is_timed = False  # kept by the owner of the timers
        self._turns: list[Turn] = []
        self._told_at = float("-inf")

    @property
    def empty(self) -> bool:
        """Whether nothing is left to be known or told of it."""
        return not (self.seats or self.others or self._turns or self.count_is_due)

    @property
    def count(self) -> int:
        """How many identities are here, at whatever node."""
        return len(self.seats) + len(self.others) - self._both

    @property
    def has_turns(self) -> bool:
        """Whether turns are to be told one by one."""
        return bool(self._turns)

    @property
    def tells_count_at(self) -> float:
        """When the number may be told again, in seconds of the monotonic clock."""
        return self._told_at + COUNT_SECONDS

    def join(self, subject: str, holder: Hashable, max_members: int, now_ns: int) -> None:
        """Seat a session; CHANNEL_FULL where its identity has no seat and none is left.

        `max_members` is the number of seats; 0: no limit. Idempotent.
        """
        seat = self.seats.get(subject)
        if seat is None:
            known = subject in self.others
            if max_members and not known and self.count >= max_members:
                raise Rejection(Code.CHANNEL_FULL, f"the channel has its {max_members} occupants")
            seat = self.seats[subject] = Seat(now_ns)
            if known:
                self._both += 1
            else:
                self._turn(True, subject)
        seat.holders[holder] = None
        seat.frees_at = None

    def leave(self, subject: str, holder: Hashable) -> bool:
        """Take a session from its seat; tell whether it was the last one there. Idempotent."""
        seat = self.seats.get(subject)
        if seat is None or holder not in seat.holders:
            return False
        del seat.holders[holder]
        return not seat.holders

    def hold(self, subject: str, until: float) -> None:
        """Keep the seat of an identity without sessions until a time."""
        self.seats[subject].frees_at = until

    def held_until(self, subject: str, time: float) -> bool:
        """Tell whether the seat is held without sessions until exactly this time."""
        seat = self.seats.get(subject)
        return seat is not None and seat.frees_at == time

    def free(self, subject: str) -> None:
        """End a seat."""
        del self.seats[subject]
        if subject in self.others:
            self._both -= 1
        else:
            self._turn(False, subject)

    def come_again(self, subject: str) -> bool:
        """Tell that an identity with sessions here has come, unless others seat it all the while.

        They have told that it left, for they took this node for lost. Return whether it is told.
        """
        seat = self.seats.get(subject)
        again = seat is not None and bool(seat.holders) and subject not in self.others
        if again:
            self._turn(True, subject)
        return again

    def take_back(self, subject: str) -> None:
        """Undo a `join` that came too late: others have taken the last seats."""
        if self.seats.pop(subject, None) is not None and subject in self.others:
            self._both -= 1
        self._turns = [turn for turn in self._turns if turn.subject != subject]

    def seat_elsewhere(self, subject: str, node: str, since_ns: int) -> None:
        """Note that another node seats an identity."""
        if subject not in self.others:
            self.others[subject] = {}
            self._both += subject in self.seats
        self.others[subject][node] = since_ns

    def free_elsewhere(self, subject: str, node: str) -> int | None:
        """Note that another node seats it no more; return since when it did. Idempotent."""
        nodes = self.others.get(subject, {})
        since_ns = nodes.pop(node, None)
        if since_ns is not None and not nodes:
            del self.others[subject]
            self._both -= subject in self.seats
        return since_ns

    def inherit(self, subject: str, since_ns: int, until: float) -> None:
        """Keep until a time, as one without sessions, the only seat that an identity had."""
        seat = self.seats[subject] = Seat(since_ns)
        seat.frees_at = until

    def page(self, after: str, limit: int) -> list[tuple[str, int]]:
        """Return up to `limit` subjects after one, in order, and since when each is here."""
        everybody = self.seats if not self.others else self.seats.keys() | self.others.keys()
        subjects = nsmallest(limit, (subject for subject in everybody if subject > after))
        return [(subject, self._since(subject)) for subject in subjects]

    def _since(self, subject: str) -> int:
        times = list(self.others.get(subject, {}).values())
        if seat := self.seats.get(subject):
            times.append(seat.since_ns)
        return min(times)

    def roll_up(self) -> None:
        """Tell the number in the place of the turns."""
        self._turns.clear()
        self.count_is_due = True

    def take_told(self, name: str, now: float, *, made: bool) -> list[Told]:
        """Return what is to be told now, in order. `made`: in the words of made channels."""
        turns, self._turns = self._turns, []
        told = list(_made_turns(name, turns) if made else _turns(name, turns))
        if self.count_is_due and now >= self.tells_count_at:
            self.count_is_due = False
            self._told_at = now
            told.append(self.state(name) if made else ("room.member_count", self._number(name)))
        return told

    def state(self, name: str) -> Told:
        """Return the state as made channels tell it: the number, and the list where it is short."""
        fields: dict[str, object] = {"channel_id": name, "member_count": self.count}
        if self.count <= ONE_BY_ONE:
            everybody = self.seats.keys() | self.others.keys()
            fields["members"] = [{"client_id": subject} for subject in sorted(everybody)]
        return "channel.presence_update", fields

    def _number(self, name: str) -> dict[str, object]:
        return {"room": name, "member_count": self.count}

    def _turn(self, joined: bool, subject: str) -> None:
        count = self.count
        if count > ONE_BY_ONE:
            self.count_is_due = True
            return
        if len(self._turns) >= ONE_BY_ONE:
            self.roll_up()
            return
        self._turns.append(Turn(joined, subject, count))
        if not joined and count == ONE_BY_ONE:
            self.count_is_due = True  # the list is short again: tell it whole


def _turns(name: str, turns: list[Turn]) -> Iterator[Told]:
    for turn in turns:
        fields: dict[str, object] = {
            "room": name,
            "client_id": turn.subject,
            "member_count": turn.members,
        }
        yield ("room.joined" if turn.joined else "room.left", fields)


def _made_turns(name: str, turns: list[Turn]) -> Iterator[Told]:
    for turn in turns:
        fields: dict[str, object] = {
            "channel_id": name,
            "client_id": turn.subject,
            "member_count": turn.members,
        }
        yield ("channel.member_joined" if turn.joined else "channel.member_left", fields)
    if turns:
        changes = [
            {"client_id": turn.subject, "change": "joined" if turn.joined else "left"}
            for turn in turns
        ]
        count = turns[-1].members
        yield (
            "channel.presence_update",
            {"channel_id": name, "member_count": count, "changes": changes},
        )
