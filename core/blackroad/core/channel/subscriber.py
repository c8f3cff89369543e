"""A session's subscriptions: where each begins, how it catches up, and when it goes live."""

from collections.abc import Iterable
from typing import Protocol

from blackroad.core.channel.directory import Change, Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.pump import Pump
from blackroad.core.channel.start import Start, Starter
from blackroad.core.channel.subscription import Outlet, Subscription
from blackroad.core.errors import Code, Rejection
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Identity
from blackroad.core.log.base import GapReason, Page
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.log.entry import Entry, Positions, latest
from blackroad.core.names import check_pattern, companion, is_pattern
from blackroad.realtime.v1 import channel_pb2, event_pb2
from blackroad.wire.v1 import frames_pb2

MAX_SUBSCRIPTIONS = 128
PAGE_BYTES = 128 << 10
# The guide's rooms that stand for more than their own channel.
COMPOSITE = {"agents": ("presence.agent.*",), "tasks": ("task.>",)}


class Viewed(Protocol):
    """Who is told that a session views an answer."""

    def viewer_joined(self, key: str, session_id: str) -> None:
        """Note that a session follows the answer's channel by name."""
        ...

    def viewer_left(self, key: str, session_id: str) -> None:
        """Note that it does not any more."""
        ...


class Subscriber:
    """The subscriptions of one session. Its door is the `Outlet`.

    Pages flow through the door's `Pump`.
    """

    __slots__ = (
        "_behind",
        "_count",
        "_occupies",
        "_outlet",
        "_parts",
        "_pump",
        "_seats",
        "identity",
        "session_id",
        "subscriptions",
    )

    def __init__(
        self,
        identity: Identity,
        session_id: str,
        outlet: Outlet,
        pump: Pump,
        parts: "Parts",
        *,
        occupies: bool,
    ) -> None:
        self.identity = identity
        self.session_id = session_id
        self.subscriptions: dict[str, Subscription] = {}
        self._outlet = outlet
        self._pump = pump
        self._parts = parts
        self._occupies = occupies
        self._count = 0
        self._behind: list[Subscription] = []
        self._seats: list[Subscription] = []
        parts.subscribers.add(self)

    @property
    def catching_up(self) -> bool:
        """Whether a subscription has not yet all that it missed."""
        return any(not subscription.live for subscription in self.subscriptions.values())

    @property
    def roomy(self) -> bool:
        """Whether the door can take a page now."""
        return self._outlet.roomy

    async def step(self) -> bool:
        """Hand on one page of the next subscription that catches up.

        Answer whether there is more.
        """
        while self._seats:
            await self._change_seat(self._seats.pop())
        if self._behind:
            subscription = self._behind.pop(0)
            if await self._read_on(subscription):
                self._behind.append(subscription)
        return bool(self._behind or self._seats)

    async def subscribe(
        self, request_id: str, request: channel_pb2.Subscribe, *, label: str = ""
    ) -> None:
        """Answer by Subscribed, hand on what was missed, go live. Raises `Rejection`.

        Then nothing has changed.
        """
        channel = request.channel
        names = self._check(request)
        start = await self._parts.starter.start(self.identity, names, request)
        occupied = await self._occupy(channel)
        self._check_rights(names)  # they may have gone meanwhile
        if (old := self.subscriptions.get(channel)) is not None:
            await self._end(old, keep_seat=bool(occupied))
        subscription = Subscription(
            channel,
            request_id,
            tuple(names),
            self._topics(names, request.presence),
            start.after,
            occupies=occupied,
            label=label,
        )
        self._add_private(subscription)
        self.subscriptions[channel] = subscription
        self._count += len(names)
        for key in self._answers(subscription):
            self._parts.viewed.viewer_joined(key, self.session_id)
        self._begin(subscription, start, presence=request.presence)

    async def unsubscribe(self, channel: str) -> None:
        """End a subscription. Idempotent."""
        if (subscription := self.subscriptions.pop(channel, None)) is not None:
            await self._end(subscription)

    async def close(self, *, clean: bool) -> None:
        """End all subscriptions. Idempotent."""
        self._parts.subscribers.remove(self)
        self._pump.discard(self)
        while self.subscriptions:
            _, subscription = self.subscriptions.popitem()
            await self._end(subscription, clean=clean)

    def fall_back(self, after: Positions) -> None:
        """Let all live subscriptions catch up from an earlier place.

        What was queued since then was dropped.
        """
        live = [s for s in self.subscriptions.values() if s.live]
        for subscription in live:
            subscription.live = False
        for subscription in live:
            self._outlet.unfollow(subscription)
            # What came before it went live it has had as pages of its own.
            subscription.after = latest(after, subscription.after)
            self._catch_up(subscription)

    def apply(self, change: Change) -> None:
        """Take up a change of a channel's policy or members, before the next event."""
        for subscription in tuple(self.subscriptions.values()):
            if change.key in subscription.topics:
                self._recheck(subscription, change)
                self._want_seat(subscription)
            elif subscription.patterns:
                self._reveal(subscription)

    async def reauthorize(self, identity: Identity) -> None:
        """Speak for a fresh identity of the same subject; what it does not cover any more ends."""
        self.identity = identity
        for subscription in tuple(self.subscriptions.values()):
            try:
                for name in subscription.names:
                    self._parts.directory.check_read(identity, name)
            except Rejection as rejection:
                self._revoke(subscription, rejection.code)

    def _check(self, request: channel_pb2.Subscribe) -> list[str]:
        """Return the names and patterns that the request follows, or raise `Rejection`."""
        if not request.channel:
            raise Rejection(Code.MISSING_FIELD, "channel is required")
        asked = [request.channel, *request.unit]
        old = self.subscriptions.get(request.channel)
        if self._count + len(asked) - (len(old.names) if old else 0) > MAX_SUBSCRIPTIONS:
            raise Rejection(
                Code.TOO_MANY_SUBSCRIPTIONS,
                f"a session follows at most {MAX_SUBSCRIPTIONS} channels and patterns",
                channel=request.channel,
            )
        names: dict[str, None] = {}
        for name in map(check_pattern, asked):
            names[name] = None
            names.update(dict.fromkeys(COMPOSITE.get(name, ())))
        self._check_rights(names)
        return list(names)

    def _check_rights(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                self._parts.directory.check_read(self.identity, name)
            except Rejection as rejection:
                rejection.channel = name
                raise

    def _topics(self, names: Iterable[str], presence: bool) -> tuple[str, ...]:
        followed = [self.identity.key(name) for name in names]
        if presence:
            followed += [self.identity.key(companion(name)) for name in names]
        return tuple(followed)

    async def _occupy(self, channel: str) -> str:
        """Take a seat in the channel where its policy counts occupants.

        Return its key, or nothing.
        """
        key = self.identity.key(channel)
        if is_pattern(channel) or not self._counts(key):
            return ""
        await self._parts.occupants.join(key, self.identity, self.session_id)
        return key

    def _counts(self, key: str) -> bool:
        """Tell whether the session counts in a channel that it follows by name."""
        return self._occupies and self._parts.directory.policy(key).presence

    def _begin(self, subscription: Subscription, start: Start, *, presence: bool) -> None:
        self._outlet.subscribed(subscription, start.frame(subscription.channel))
        for snapshot in start.snapshots:
            self._outlet.snapshot(subscription, snapshot)
        self._hand_on(subscription, start.entries, start.before)
        if presence:
            self._tell_who_is_here(subscription)
        self._catch_up(subscription)

    def _tell_who_is_here(self, subscription: Subscription) -> None:
        """Hand on the occupants of the channels that tell their comings and goings by changes."""
        keys = [self.identity.key(name) for name in subscription.names if not is_pattern(name)]
        records = [self._parts.occupants.snapshot(key) for key in keys]
        stamp = frames_pb2.EventStamp(cursor=encode_cursor(subscription.after)).SerializeToString()
        events = [record.body + stamp for record in records if record is not None]
        if events:
            self._outlet.missed(subscription, events)

    def _catch_up(self, subscription: Subscription) -> None:
        """Go live now where nothing was missed, else let the pump read on."""
        if subscription.after == self._parts.hub.heads:
            self._go_live(subscription)
        else:
            self._behind.append(subscription)
            self._pump.add(self)

    async def _read_on(self, subscription: Subscription) -> bool:
        """Hand on one page; answer whether there is more."""
        hub = self._parts.hub
        if any(after > head for after, head in zip(subscription.after, hub.heads, strict=True)):
            await hub.reached(subscription.after)
        if subscription.ended or subscription.live:
            return False
        page = hub.log.read(
            subscription.followed, subscription.after, hub.heads, PAGE_BYTES, self._visible
        )
        if page is None:
            page = await hub.log.fetch(subscription.followed, subscription.after, hub.heads)
        if isinstance(page, GapReason):
            await self._declare_gap(subscription, page)
        elif isinstance(page, Page):
            self._hand_on(subscription, page.entries, subscription.after)
            subscription.after = page.reached
            if page.reached == hub.heads:
                self._go_live(subscription)
                return False
        return not subscription.ended

    async def _declare_gap(self, subscription: Subscription, reason: GapReason) -> None:
        subscription.after = self._parts.hub.heads
        self._outlet.gap(
            subscription,
            event_pb2.Gap(
                channel=subscription.channel,
                reason=event_pb2.GapReason.ValueType(reason.value),
                cursor=encode_cursor(subscription.after),
            ),
        )
        for key in self._answers(subscription):
            snapshot, subscription.after = await self._parts.starter.snapshot(self.identity, key)
            self._outlet.snapshot(subscription, snapshot)

    def _hand_on(
        self, subscription: Subscription, entries: Iterable[Entry], after: Positions
    ) -> None:
        """Hand on entries, but for those from before the session's right to their channel."""
        floors: dict[str, int] = {}
        events: list[bytes] = []
        for entry in entries:
            floor = floors.get(entry.key)
            if floor is None:
                floor = self._parts.directory.history_floor(self.identity, entry.key)
                floors[entry.key] = floor
            after = entry.after(after)
            if entry.offset > floor:
                # With one partition a place is the same for everybody, and so are the bytes.
                alone = len(after) == 1
                cursor = "" if alone else encode_cursor(after)
                events.append(entry.wire if alone else entry.body + entry.stamp(cursor))
        if events:
            self._outlet.missed(subscription, events)

    def _go_live(self, subscription: Subscription) -> None:
        subscription.after = self._parts.hub.heads
        subscription.live = True
        self._outlet.follow(subscription)

    async def _end(
        self, subscription: Subscription, *, keep_seat: bool = False, clean: bool = True
    ) -> None:
        self._detach(subscription)
        self._count -= len(subscription.names)
        if subscription.occupies and not keep_seat:
            await self._leave(subscription, clean=clean)

    def _detach(self, subscription: Subscription) -> None:
        if not subscription.ended:
            subscription.ended = True
            for key in self._answers(subscription):
                self._parts.viewed.viewer_left(key, self.session_id)
            if subscription.live:
                self._outlet.unfollow(subscription)
                subscription.live = False

    def _recheck(self, subscription: Subscription, change: Change) -> None:
        """End a subscription by name to which the right is gone."""
        if change.what == "deleted":
            self._revoke(subscription, Code.NOT_FOUND)
        elif not self._parts.directory.may_read(self.identity, change.key):
            self._revoke(subscription, Code.NOT_MEMBER)

    def _revoke(self, subscription: Subscription, code: Code) -> None:
        if self.subscriptions.get(subscription.channel) is subscription:
            del self.subscriptions[subscription.channel]
            self._detach(subscription)
            self._count -= len(subscription.names)
            self._outlet.unsubscribed(
                subscription,
                channel_pb2.Unsubscribed(channel=subscription.channel, code=code.wire),
            )
            if subscription.occupies:
                self._seats.append(subscription)
                self._pump.add(self)

    def _want_seat(self, subscription: Subscription) -> None:
        """Take a seat where the channel's policy has begun to count occupants."""
        key = self.identity.key(subscription.channel)
        if not subscription.ended and not subscription.occupies and self._counts(key):
            self._seats.append(subscription)
            self._pump.add(self)

    async def _change_seat(self, subscription: Subscription) -> None:
        if subscription.ended:
            await self._leave(subscription, clean=True)
        else:
            try:
                subscription.occupies = await self._occupy(subscription.channel)
            except Rejection as rejection:
                self._revoke(subscription, rejection.code)

    async def _leave(self, subscription: Subscription, *, clean: bool) -> None:
        """Give up the seat that the session has because of a subscription."""
        await self._parts.occupants.leave(
            subscription.occupies, self.identity, self.session_id, clean
        )

    def _add_private(self, subscription: Subscription) -> None:
        for pattern in subscription.patterns:
            keys = self._parts.directory.private_matching(self.identity, pattern)
            subscription.private.update(keys)

    def _reveal(self, subscription: Subscription) -> None:
        """Take up which private channels the patterns of a subscription may show now."""
        former = set(subscription.private)
        subscription.private.clear()
        self._add_private(subscription)
        if subscription.live and subscription.private != former:
            self._outlet.follow_changed(subscription)

    def _visible(self, key: str) -> bool:
        directory = self._parts.directory
        return not directory.is_private(key) or directory.may_read(self.identity, key)

    def _answers(self, subscription: Subscription) -> list[str]:
        """Return the keys of the answers that it follows by name."""
        prefix = self.identity.key("stream.")
        return [t for t in subscription.topics if t.startswith(prefix) and not is_pattern(t)]


class Subscribers:
    """All subscribers of a node, told of each change of a channel."""

    def __init__(self, directory: Directory) -> None:
        self._of_subject: dict[tuple[str, str], dict[Subscriber, None]] = {}
        directory.listeners.append(self._tell)

    def add(self, subscriber: Subscriber) -> None:
        """Add one."""
        self._of_subject.setdefault(_subject(subscriber), {})[subscriber] = None

    def remove(self, subscriber: Subscriber) -> None:
        """Remove one. Idempotent."""
        subscribers = self._of_subject.get(_subject(subscriber), {})
        subscribers.pop(subscriber, None)
        if not subscribers:
            self._of_subject.pop(_subject(subscriber), None)

    def fall_back(self, after: Positions) -> None:
        """Let all catch up from a place: the log's follower has missed what comes after it."""
        for subscribers in tuple(self._of_subject.values()):
            for subscriber in tuple(subscribers):
                subscriber.fall_back(after)

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

    __slots__ = ("directory", "hub", "occupants", "starter", "subscribers", "viewed")

    def __init__(
        self, hub: Hub, directory: Directory, occupants: Occupants, starter: Starter, viewed: Viewed
    ) -> None:
        self.hub = hub
        self.directory = directory
        self.occupants = occupants
        self.starter = starter
        self.viewed = viewed
        self.subscribers = Subscribers(directory)
        hub.missed = self.subscribers.fall_back


def _subject(subscriber: Subscriber) -> tuple[str, str]:
    return (subscriber.identity.tenant, subscriber.identity.subject)
