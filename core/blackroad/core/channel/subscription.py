"""One subscription of one session: what it follows, and how far it has come."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from blackroad.core.log.entry import Entry, Position, Positions
from blackroad.core.names import is_pattern
from blackroad.realtime.v1 import channel_pb2, event_pb2


@dataclass(slots=True, eq=False)
class Subscription:
    """A followed channel or pattern, with the others that are followed as one unit with it.

    `names` are what the client follows, by names and patterns; `topics` the same as keys, with
    companions. `after` is the place up to which everything was handed to the session while it
    catches up; once `live`, the groups and numbers of the node keep the place.
    """

    channel: str
    request_id: str
    names: tuple[str, ...]
    topics: tuple[str, ...]
    answers: tuple[str, ...]  # keys of the answers among them, followed by name
    after: Positions
    rooms: int = 0  # as how many subscriptions it counts
    private: set[str] = field(
        default_factory=set
    )  # private channels that a pattern of it may show to this session
    occupies: str = ""  # the key of the channel in which the session counts because of it
    label: str = ""  # what a door marks it with
    history: deque[Entry] = field(
        default_factory=deque
    )  # what comes before `after` and was not handed on yet
    reached: Positions = ()  # the place before `history`
    tells_occupants: bool = False  # whether to tell, after the history, who is here
    numbers: set[str] = field(
        default_factory=set
    )  # topics whose numbers a trunk's door joined for it
    gap_ns: int = 0  # when it was last told of a gap, Unix nanoseconds; 0: never
    live: bool = False
    ended: bool = False

    def miss(self) -> None:
        """Note that it is told of a gap now."""
        self.gap_ns = time.time_ns()

    @property
    def begun(self) -> bool:
        """Whether all that comes before `after` was handed on."""
        return not (self.history or self.tells_occupants)

    @property
    def followed(self) -> tuple[str, ...]:
        """All topics, with the private channels that its patterns may show."""
        return (*self.topics, *self.private) if self.private else self.topics

    @property
    def patterns(self) -> list[str]:
        """The topics that are patterns."""
        return [topic for topic in self.topics if is_pattern(topic)]


class Outlet(Protocol):
    """What a door does with what a subscriber has for its session. Nothing here blocks.

    Order is that of the calls.
    """

    @property
    def roomy(self) -> bool:
        """Whether the next page of what was missed should be read."""
        ...

    def subscribed(self, subscription: Subscription, frame: channel_pb2.Subscribed) -> None:
        """Tell that the subscription stands."""
        ...

    def snapshot(self, subscription: Subscription, frame: event_pb2.AnswerSnapshot) -> None:
        """Hand on an answer as it stands."""
        ...

    def missed(self, subscription: Subscription, events: list[bytes]) -> None:
        """Hand on a page of serialized events that belong to this subscription alone."""
        ...

    def gap(self, subscription: Subscription, frame: event_pb2.Gap) -> None:
        """Tell that events are missing."""
        ...

    def follow(self, subscription: Subscription) -> None:
        """Let the session follow the subscription's topics live from the hub's present heads on.

        And tell it so.
        """
        ...

    def follow_changed(self, subscription: Subscription) -> None:
        """Take up what changed in `followed` of a live subscription."""
        ...

    def unfollow(self, subscription: Subscription) -> None:
        """Stop following a live subscription."""
        ...

    def unsubscribed(self, subscription: Subscription, frame: channel_pb2.Unsubscribed) -> None:
        """Tell that the subscription ended though the client did not ask for it."""
        ...

    def fall_back(self, after: Positions) -> None:
        """See to it that the session gets what comes after a place, which the node has missed."""
        ...


class Nowhere:
    """The outlet of a closed subscriber, so that it and its session do not hold each other."""

    @property
    def roomy(self) -> bool:
        """Never."""
        return False

    def subscribed(self, subscription: Subscription, frame: channel_pb2.Subscribed) -> None:
        """Do nothing."""

    def snapshot(self, subscription: Subscription, frame: event_pb2.AnswerSnapshot) -> None:
        """Do nothing."""

    def missed(self, subscription: Subscription, events: list[bytes]) -> None:
        """Do nothing."""

    def gap(self, subscription: Subscription, frame: event_pb2.Gap) -> None:
        """Do nothing."""

    def follow(self, subscription: Subscription) -> None:
        """Do nothing."""

    def follow_changed(self, subscription: Subscription) -> None:
        """Do nothing."""

    def unfollow(self, subscription: Subscription) -> None:
        """Do nothing."""

    def unsubscribed(self, subscription: Subscription, frame: channel_pb2.Unsubscribed) -> None:
        """Do nothing."""

    def fall_back(self, after: Positions) -> None:
        """Do nothing."""


def before(position: Position) -> Position:
    """Return the place just before a position."""
    return Position(position.epoch, position.sequence - 1)
