"""A session's subscriptions: where each begins, how it catches up, and when it goes live."""

from collections import deque
from collections.abc import Callable
from typing import Final

from blackroad.core.channel.asked import (
    MAX_ANSWERS,
    MAX_SUBSCRIPTIONS,
    answers_of,
    names_of,
    rooms_among,
    too_many,
    topics_of,
)
from blackroad.core.channel.directory import Change
from blackroad.core.channel.parts import Parts
from blackroad.core.channel.pump import Pump
from blackroad.core.channel.start import Start
from blackroad.core.channel.subscription import Nowhere, Outlet, Subscription
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.log.entry import Positions, latest
from blackroad.realtime.v1 import channel_pb2

NOWHERE: Final = Nowhere()


class Subscriber:
    """The subscriptions of one session. Its door is the `Outlet`.

    Pages flow through the door's `Pump`.
    """

    __slots__ = (
        "_behind",
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
        parts: Parts,
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
        self._behind: list[Subscription] = []
        self._seats: list[Subscription] = []
        parts.subscribers.add(self)

    @property
    def catching_up(self) -> bool:
        """Whether a subscription has not yet all that it missed."""
        return any(not (one.live or one.ended) for one in self.subscriptions.values())

    def gap_ns(self, channel: str) -> int:
        """Return when a subscription was last told of a gap, Unix nanoseconds; 0: never."""
        subscription = self.subscriptions.get(channel)
        return 0 if subscription is None else subscription.gap_ns

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
            await self._read_on(subscription)
        return bool(self._behind or self._seats)

    async def subscribe(
        self, request_id: str, request: channel_pb2.Subscribe, *, label: str = ""
    ) -> None:
        """Answer by Subscribed, hand on what was missed, go live. Raises `Rejection`.

        Then nothing has changed.
        """
        await self._parts.rights.learn(self.identity, (request.channel, *request.unit))
        names = self._check(request)
        start = await self._parts.starter.start(self.identity, names, request)
        subscription, old = await self._stand(request_id, request, names, start.after, label)
        subscription.history = deque(start.entries)
        subscription.reached = start.before
        subscription.tells_occupants = request.presence
        if start.gap is not None:
            subscription.miss()
        self._begin(subscription, start)
        self._parts.rights.audit(self.identity, subscription)
        if old is not None:
            self._leave(old.occupies, clean=True)

    async def restore(
        self,
        request_id: str,
        request: channel_pb2.Subscribe,
        shares: Callable[[tuple[str, ...]], bool],
        follow: Callable[[Subscription], None],
    ) -> bool:
        """Let a subscription be live at once, as it was at another node. Raises `Rejection`.

        The door sees to what was missed: `follow` takes the subscription. Where these topics do not
        share that, nothing has changed and the answer is False.
        """
        await self._parts.rights.learn(self.identity, (request.channel, *request.unit))
        names = self._check(request)
        topics = topics_of(self.identity, names, presence=request.presence)
        await self._parts.hub.log.ready(topics)
        if not shares((*topics, *self._parts.rights.private(self.identity, topics))):
            return False
        heads = self._parts.hub.heads
        subscription, old = await self._stand(request_id, request, names, heads)
        subscription.live = True
        follow(subscription)
        if old is not None:
            self._leave(old.occupies, clean=True)
        return True

    async def _stand(
        self,
        request_id: str,
        request: channel_pb2.Subscribe,
        names: list[str],
        after: Positions,
        label: str = "",
    ) -> tuple[Subscription, Subscription | None]:
        """Take a seat and make the subscription; return it and the one that it replaces."""
        channel = request.channel
        occupied = await self._occupy(channel)
        try:
            # Meanwhile the rights may have gone, or the session.
            self._parts.rights.check(self.identity, names)
            if self._outlet is NOWHERE:
                raise Rejection(Code.NOT_FOUND, "there is no such session", channel=channel)
        except Rejection:
            self._leave(occupied, clean=True)
            raise
        if (old := self.subscriptions.get(channel)) is not None:
            self._detach(old)
        subscription = Subscription(
            channel,
            request_id,
            tuple(names),
            topics_of(self.identity, names, presence=request.presence),
            answers_of(self.identity, names),
            after,
            rooms=rooms_among(names),
            occupies=occupied,
            label=label,
        )
        subscription.private |= self._parts.rights.private(self.identity, subscription.topics)
        self.subscriptions[channel] = subscription
        for key in subscription.answers:
            self._parts.viewed.viewer_joined(key, self.session_id)
        return subscription, old

    def unsubscribe(self, channel: str) -> None:
        """End a subscription. Idempotent."""
        if (subscription := self.subscriptions.pop(channel, None)) is not None:
            self._end(subscription)

    def halt(self) -> None:
        """Hand on nothing more. Idempotent; `close` does the rest."""
        self._parts.subscribers.remove(self)
        self._pump.discard(self)
        for subscription in self.subscriptions.values():
            self._detach(subscription)

    def close(self, *, clean: bool) -> None:
        """End all subscriptions. Idempotent."""
        self.halt()
        while self.subscriptions:
            _, subscription = self.subscriptions.popitem()
            self._end(subscription, clean=clean)
        self._outlet = NOWHERE

    def lose(self, after: Positions) -> None:
        """Take that the node has missed what comes after a place."""
        self._outlet.fall_back(after)

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
                if (code := self._parts.rights.lost(self.identity, change)) is not None:
                    self._revoke(subscription, code)
                self._want_seat(subscription)
            elif subscription.patterns:
                self._reveal(subscription)

    async def reauthorize(self, identity: Identity) -> None:
        """Speak for a fresh identity of the same subject; what it does not cover any more ends."""
        self.identity = identity
        for subscription in tuple(self.subscriptions.values()):
            try:
                self._parts.rights.check(identity, subscription.names)
            except Rejection as rejection:
                self._revoke(subscription, rejection.code)
            else:
                if subscription.patterns:
                    self._reveal(subscription)

    def check_room(self, channel: str = "", *, rooms: int = 0, answers: int = 1) -> None:
        """Raise `Rejection` where so many more would be too many, but for what they replace."""
        for name, one in self.subscriptions.items():
            if name != channel:
                rooms += one.rooms
                answers += len(one.answers)
        if rooms > MAX_SUBSCRIPTIONS or answers > MAX_ANSWERS:
            raise too_many(channel)

    def _check(self, request: channel_pb2.Subscribe) -> list[str]:
        """Return the names and patterns that the request follows, or raise `Rejection`."""
        names = names_of(request)
        answers = len(answers_of(self.identity, names))
        self.check_room(request.channel, rooms=rooms_among(names), answers=answers)
        self._parts.rights.check(self.identity, names)
        return names

    async def _occupy(self, channel: str) -> str:
        """Take a seat in the channel; return its key, or nothing where it does not count."""
        if not self._occupies:
            return ""
        return await self._parts.seats.take(self.identity, self, channel)

    def _leave(self, key: str, *, clean: bool) -> None:
        others = self.subscriptions.values()
        self._parts.seats.leave(key, self.identity, self, others, clean=clean)

    def _begin(self, subscription: Subscription, start: Start) -> None:
        self._outlet.subscribed(subscription, start.frame(subscription.channel))
        for snapshot in start.snapshots:
            self._outlet.snapshot(subscription, snapshot)
        self._catch_up(subscription)

    def _catch_up(self, subscription: Subscription) -> None:
        """Go live now where nothing was missed, else let the pump read on."""
        if subscription.begun and subscription.after == self._parts.hub.heads:
            self._go_live(subscription)
        else:
            self._behind.append(subscription)
            self._pump.add(self)

    async def _read_on(self, subscription: Subscription) -> None:
        """Hand on one page, then go live or wait for the next turn."""
        if subscription.ended or subscription.live:
            return
        try:
            await self._parts.reader.read_page(self.identity, self._outlet, subscription)
        except Rejection as rejection:
            self._revoke(subscription, rejection.code)
        if not subscription.ended:
            self._catch_up(subscription)

    def _go_live(self, subscription: Subscription) -> None:
        subscription.after = self._parts.hub.heads
        subscription.live = True
        self._outlet.follow(subscription)

    def _end(self, subscription: Subscription, *, clean: bool = True) -> None:
        self._detach(subscription)
        self._leave(subscription.occupies, clean=clean)

    def _detach(self, subscription: Subscription) -> None:
        if not subscription.ended:
            subscription.ended = True
            for key in subscription.answers:
                self._parts.viewed.viewer_left(key, self.session_id)
            if subscription.live:
                self._outlet.unfollow(subscription)
                subscription.live = False

    def _revoke(self, subscription: Subscription, code: Code) -> None:
        if self.subscriptions.get(subscription.channel) is subscription:
            del self.subscriptions[subscription.channel]
            self._detach(subscription)
            self._outlet.unsubscribed(
                subscription,
                channel_pb2.Unsubscribed(channel=subscription.channel, code=code.wire),
            )
            if subscription.occupies:
                self._seats.append(subscription)
                self._pump.add(self)

    def _want_seat(self, subscription: Subscription) -> None:
        """Take a seat where the channel's policy has begun to count occupants.

        Where it counts no more nobody has one.
        """
        if not self._parts.seats.counts(self.identity.key(subscription.channel)):
            subscription.occupies = ""
        elif self._occupies and not subscription.ended and not subscription.occupies:
            self._seats.append(subscription)
            self._pump.add(self)

    async def _change_seat(self, subscription: Subscription) -> None:
        if not subscription.ended:
            try:
                subscription.occupies = await self._occupy(subscription.channel)
            except Rejection as rejection:
                self._revoke(subscription, rejection.code)
        if subscription.ended:  # before, or meanwhile
            self._leave(subscription.occupies, clean=True)

    def _reveal(self, subscription: Subscription) -> None:
        """Take up which private channels the patterns of a subscription may show now."""
        former = subscription.private
        subscription.private = self._parts.rights.private(self.identity, subscription.patterns)
        if subscription.live and subscription.private != former:
            self._outlet.follow_changed(subscription)
