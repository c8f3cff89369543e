"""Reads for subscriptions what they missed, page by page, and hands it to their doors."""

from collections.abc import Iterable

from blackroad.core.channel.directory import Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.start import Starter
from blackroad.core.channel.subscription import Outlet, Subscription
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Identity
from blackroad.core.log.base import GapReason, Page
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.log.entry import Entry, Positions
from blackroad.core.names import is_pattern
from blackroad.realtime.v1 import event_pb2
from blackroad.wire.v1 import frames_pb2

PAGE_BYTES = 128 << 10


class Reader:
    """One for all sessions of a node: whose page it is, is said with each call."""

    def __init__(
        self, hub: Hub, directory: Directory, occupants: Occupants, starter: Starter
    ) -> None:
        self._hub = hub
        self._directory = directory
        self._occupants = occupants
        self._starter = starter

    async def read_page(
        self, identity: Identity, outlet: Outlet, subscription: Subscription
    ) -> None:
        """Hand on the next page, or a gap, and move the subscription's place.

        Raises `Rejection` where an answer after a gap is not kept any more.
        """
        if not subscription.begun:
            self._begin(identity, outlet, subscription)
            return
        hub = self._hub
        await hub.log.ready(subscription.followed)
        if any(after > head for after, head in zip(subscription.after, hub.heads, strict=True)):
            await hub.reached(subscription.after)

        def visible(key: str) -> bool:
            return self._visible(identity, key)

        place = subscription.after
        page = hub.log.read(subscription.followed, place, hub.heads, PAGE_BYTES, visible)
        if page is None:
            page = await hub.log.fetch(subscription.followed, place, hub.heads)
        if subscription.ended:
            return
        if isinstance(page, GapReason):
            await self._declare_gap(identity, outlet, subscription, page)
        elif isinstance(page, Page):
            self._hand_on(identity, outlet, subscription, page.entries, place)
            subscription.after = page.reached

    def _begin(self, identity: Identity, outlet: Outlet, subscription: Subscription) -> None:
        """Hand on a page of the history, or who is here once that is done."""
        entries: list[Entry] = []
        size, reached = 0, subscription.reached
        while subscription.history and size < PAGE_BYTES:
            entry = subscription.history.popleft()
            entries.append(entry)
            size += entry.size
            subscription.reached = entry.after(subscription.reached)
        shown = [entry for entry in entries if self._visible(identity, entry.key)]
        self._hand_on(identity, outlet, subscription, shown, reached)
        if subscription.tells_occupants and not subscription.history:
            subscription.tells_occupants = False
            self._tell_who_is_here(identity, outlet, subscription)

    def _visible(self, identity: Identity, key: str) -> bool:
        directory = self._directory
        return not directory.is_private(key) or directory.may_read(identity, key)

    def _hand_on(
        self,
        identity: Identity,
        outlet: Outlet,
        subscription: Subscription,
        entries: Iterable[Entry],
        after: Positions,
    ) -> None:
        """Hand on entries, but for those from before the session's right to their channel."""
        floors: dict[str, int] = {}
        events: list[bytes] = []
        for entry in entries:
            floor = floors.get(entry.key)
            if floor is None:
                floor = floors[entry.key] = self._directory.history_floor(identity, entry.key)
            after = entry.after(after)
            if entry.offset > floor:
                # With one partition a place is the same for everybody, and so are the bytes.
                alone = len(after) == 1
                cursor = "" if alone else encode_cursor(after)
                events.append(entry.wire if alone else entry.body + entry.stamp(cursor))
        if events:
            outlet.missed(subscription, events)

    def _tell_who_is_here(
        self, identity: Identity, outlet: Outlet, subscription: Subscription
    ) -> None:
        """Hand on the occupants of the channels that tell their comings and goings by changes."""
        keys = [identity.key(name) for name in subscription.names if not is_pattern(name)]
        records = [self._occupants.snapshot(key) for key in keys]
        stamp = frames_pb2.EventStamp(cursor=encode_cursor(subscription.after)).SerializeToString()
        events = [record.body + stamp for record in records if record is not None]
        if events:
            outlet.missed(subscription, events)

    async def _declare_gap(
        self, identity: Identity, outlet: Outlet, subscription: Subscription, reason: GapReason
    ) -> None:
        subscription.after = self._hub.heads
        subscription.miss()
        outlet.gap(
            subscription,
            event_pb2.Gap(
                channel=subscription.channel,
                reason=event_pb2.GapReason.ValueType(reason.value),
                cursor=encode_cursor(subscription.after),
            ),
        )
        for key in subscription.answers:
            snapshot, after = await self._starter.snapshot(identity, key)
            if subscription.ended:
                return
            subscription.after = after
            outlet.snapshot(subscription, snapshot)
