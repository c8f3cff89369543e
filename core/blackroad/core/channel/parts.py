"""What subscribers stand on, and all of a node's subscribers."""

from collections.abc import Callable
from typing import Protocol

from blackroad.core.channel.directory import Change, Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.reader import Reader
from blackroad.core.channel.rights import Rights
from blackroad.core.channel.seats import Seats
from blackroad.core.channel.start import Starter
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Identity
from blackroad.core.limits.budget import Budget
from blackroad.core.log.entry import Positions


class Viewed(Protocol):
    """Who is told that a session views an answer."""

    def viewer_joined(self, key: str, session_id: str) -> None:
        """Note that a session follows the answer's channel by name."""
        ...

    def viewer_left(self, key: str, session_id: str) -> None:
        """Note that it does not any more."""
        ...


class Follower(Protocol):
    """A subscriber, as the node's registry sees it."""

    @property
    def identity(self) -> Identity:
        """Who it follows for. The subject never changes."""
        ...

    def lose(self, after: Positions) -> None:
        """Take that the node has missed what comes after a place."""
        ...

    def apply(self, change: Change) -> None:
        """Take up a change of a channel."""
        ...


class Subscribers:
    """All subscribers of a node, told of each change of a channel."""

    def __init__(self, directory: Directory) -> None:
        self._of_subject: dict[tuple[str, str], dict[Follower, None]] = {}
        directory.listeners.append(self._tell)

    def __len__(self) -> int:
        return sum(map(len, self._of_subject.values()))

    def add(self, subscriber: Follower) -> None:
        """Add one."""
        self._of_subject.setdefault(_subject(subscriber), {})[subscriber] = None

    def remove(self, subscriber: Follower) -> None:
        """Remove one. Idempotent."""
        subscribers = self._of_subject.get(_subject(subscriber), {})
        subscribers.pop(subscriber, None)
        if not subscribers:
            self._of_subject.pop(_subject(subscriber), None)

    def lose(self, after: Positions) -> None:
        """Tell all that the log's follower has missed what comes after a place."""
        for subscribers in tuple(self._of_subject.values()):
            for subscriber in tuple(subscribers):
                subscriber.lose(after)

    def _tell(self, change: Change) -> None:
        tenant = change.key[: change.key.index(".")]
        if change.subject:
            for subscriber in tuple(self._of_subject.get((tenant, change.subject), ())):
                subscriber.apply(change)
        else:
            for (other, _), subscribers in tuple(self._of_subject.items()):
                if other == tenant:
                    for subscriber in tuple(subscribers):
                        subscriber.apply(change)


class Parts:
    """The parts of a node that subscribers stand on."""

    __slots__ = (
        "budget", "charge_command", "directory", "hub", "reader", "rights", "seats", "starter",
        "subscribers", "viewed",
    )  # fmt: skip

    def __init__(
        self, hub: Hub, directory: Directory, occupants: Occupants, starter: Starter, viewed: Viewed
    ) -> None:
        self.hub = hub
        self.directory = directory
        self.rights = Rights(directory)
        self.seats = Seats(directory, occupants)
        self.starter = starter
        self.reader = Reader(hub, directory, occupants, starter)
        self.viewed = viewed
        self.subscribers = Subscribers(directory)
        hub.missed = self.subscribers.lose
        self.budget = Budget()
        # Counts what somebody asks for besides publishing, and may refuse it.
        self.charge_command: Callable[[Identity], None] = lambda identity: None


def _subject(subscriber: Follower) -> tuple[str, str]:
    return (subscriber.identity.tenant, subscriber.identity.subject)
