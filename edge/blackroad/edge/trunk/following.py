"""What a session follows: its subscriptions by name, by request and by number."""

from collections.abc import Mapping

from blackroad.edge.fanout import Passed
from blackroad.edge.trunk.patterns import matches
from blackroad.edge.trunk.subscription import Subscription


class Following:
    """The subscriptions of one session, those included that were asked for and do not stand yet."""

    __slots__ = ("_by_key", "by_name")

    def __init__(self) -> None:
        self.by_name: dict[str, Subscription] = {}
        self._by_key: dict[str, Subscription] = {}

    @property
    def numbers(self) -> set[int]:
        """The numbers that serve subscriptions."""
        return {number for one in self._by_key.values() for number in one.numbers}

    @property
    def channels(self) -> set[str]:
        """The names of all, of those included that do not stand yet."""
        return {one.channel for one in self._by_key.values()}

    @property
    def asking(self) -> bool:
        """Whether an answer was asked for that has no name yet."""
        return any(one.invoked and not one.channel for one in self._by_key.values())

    def matches(self, channel: str) -> bool:
        """Whether a subscription matches a channel."""
        return any(
            matches(name, channel)
            for subscription in self.by_name.values()
            for name in (subscription.channel, *subscription.unit)
        )

    def ask(self, subscription: Subscription) -> None:
        """Know a subscription by its request."""
        self._by_key[subscription.key] = subscription

    def ask_again(self, subscription: Subscription, key: str) -> None:
        """Know a subscription by another request: it begins to catch up anew."""
        subscription.restart()
        self._by_key.pop(subscription.key, None)
        subscription.key = key
        self._by_key[key] = subscription

    def find(self, key: str, channel: str = "") -> Subscription | None:
        """Return the subscription that a frame is about: by its request, else by its name."""
        return self._by_key.get(key) if key else self.by_name.get(channel)

    def joined(self, channel: str) -> Subscription | None:
        """Return the subscription of this name that LIVE serves, though it may not stand yet."""
        standing = self.by_name.get(channel)
        if standing is not None and standing.numbers:
            return standing
        asked = (one for one in self._by_key.values() if one.channel == channel and one.numbers)
        return next(asked, None)

    def name(self, subscription: Subscription, channel: str) -> Subscription | None:
        """Let a subscription stand under a name; return the one that it replaces."""
        subscription.channel = channel
        before = self.by_name.get(channel)
        self.by_name[channel] = subscription
        if before is None or before is subscription:
            return None
        self._by_key.pop(before.key, None)
        return before

    def forget(self, subscription: Subscription) -> None:
        """Let go of a subscription. Idempotent."""
        self._by_key.pop(subscription.key, None)
        if self.by_name.get(subscription.channel) is subscription:
            del self.by_name[subscription.channel]

    def part(self, number: int) -> None:
        """Note that a number serves nothing any more."""
        for subscription in self._by_key.values():
            subscription.numbers.discard(number)

    def own_numbers(self, subscription: Subscription) -> set[int]:
        """Return the numbers that serve this subscription and no other."""
        others = (one for one in self._by_key.values() if one is not subscription)
        return subscription.numbers.difference(*(one.numbers for one in others))

    def lose(self, lost: Mapping[int, str | None], passed: Passed) -> dict[Subscription, str]:
        """Take lost numbers off their subscriptions; return from where these are to be resumed."""
        self._note_passed(passed)
        dropped: dict[Subscription, str] = {}
        for subscription in self._by_key.values():
            for number in subscription.numbers & lost.keys():
                subscription.numbers.discard(number)
                dropped[subscription] = lost[number] or dropped.get(subscription, "")
        return dropped

    def _note_passed(self, passed: Passed) -> None:
        for subscription in self._by_key.values():
            for number in subscription.numbers & passed.keys():
                subscription.passed = {**(subscription.passed or {}), **passed[number]}

    def suspend(
        self,
        turn: int,
        cursor: str,
        lost: Mapping[int, str | None],
        passed: Passed,
    ) -> None:
        """Note where everything stands, since the link is lost: LIVE at a cursor, and its turn."""
        self._note_passed(passed)
        for subscription in self._by_key.values():
            subscription.cursor = _place(subscription, turn, cursor, lost)
            subscription.restart()


def _place(
    subscription: Subscription, turn: int, cursor: str, lost: Mapping[int, str | None]
) -> str:
    """Return from where to resume: LIVE's cursor, unless a full queue has dropped something."""
    positions = [lost[number] for number in subscription.numbers if number in lost]
    if positions:
        return next(filter(None, positions), subscription.cursor)
    return subscription.cursor_at(turn, cursor)
