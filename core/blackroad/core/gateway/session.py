"""One browser session of a trunk, as the core keeps it."""

from typing import Protocol

from blackroad.core.channel.parts import Parts
from blackroad.core.channel.pump import Pump
from blackroad.core.channel.subscriber import Subscriber
from blackroad.core.channel.subscription import Subscription
from blackroad.core.errors import Ending
from blackroad.core.gateway.feed import Feed
from blackroad.core.gateway.restore import Restore
from blackroad.core.identity.identity import Identity
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.log.entry import Positions
from blackroad.core.names import is_pattern
from blackroad.core.presence.record import Stay
from blackroad.realtime.v1 import admin_pb2, channel_pb2, common_pb2, event_pb2, gateway_pb2
from blackroad.wire.v1 import frames_pb2

SESSION_WINDOW_BYTES = 256 << 10


class Streams(Protocol):
    """The streams of the trunk, as its sessions write them."""

    feed: Feed
    window: int
    restore: Restore | None

    def put_control(self, frame: gateway_pb2.TrunkResponse) -> None:
        """Queue a frame on CONTROL."""
        ...

    def put_catch_up(self, frame: bytes) -> None:
        """Queue a serialized frame on CATCH_UP."""
        ...

    def restart(self) -> None:
        """End the trunk at once: its edge comes back and resumes everything."""
        ...


class BrowserSession:
    """Its identity, its subscriptions, and the window that its browser gave for what it missed."""

    __slots__ = (
        "_parts",
        "_streams",
        "client",
        "connected_ns",
        "door",
        "ended",
        "identity",
        "number",
        "session_id",
        "stay",
        "subscriber",
        "window",
    )
    method = ""

    def __init__(
        self,
        number: int,
        session_id: str,
        identity: Identity,
        opened: gateway_pb2.SessionOpened,
        connected_ns: int,
        streams: Streams,
        pump: Pump,
        parts: Parts,
    ) -> None:
        self.number = number
        self.session_id = session_id
        self.identity = identity
        self.door = opened.door
        self.client = opened.client if opened.HasField("client") else NO_CLIENT
        self.connected_ns = connected_ns
        self.window = SESSION_WINDOW_BYTES
        self.ended = False
        self.stay: Stay | None = None  # its entry of presence
        self._streams = streams
        self._parts = parts
        occupies = opened.door == admin_pb2.DOOR_WEBSOCKET
        self.subscriber = Subscriber(identity, session_id, self, pump, parts, occupies=occupies)

    @property
    def present(self) -> bool:
        """Whether it shows in presence: a lone HTTP request does not."""
        return self.door in (admin_pb2.DOOR_WEBSOCKET, admin_pb2.DOOR_SSE)

    @property
    def subscriptions(self) -> list[str]:
        """The names and patterns that it follows."""
        return list(self.subscriber.subscriptions)

    @property
    def queued_bytes(self) -> int:
        """What was sent to the edge for it alone and not yet taken by the browser."""
        return SESSION_WINDOW_BYTES - self.window

    @property
    def catching_up(self) -> bool:
        """Whether a subscription has not yet all that it missed."""
        return self.subscriber.catching_up

    def gap_ns(self, subscription: str) -> int:
        """Return when a subscription was last told of a gap."""
        return self.subscriber.gap_ns(subscription)

    def end(self, ending: Ending) -> None:
        """Tell the edge that the browser must go. Idempotent; the edge then closes the session.

        Nothing is handed on from here on: it parts from all its numbers.
        """
        if not self.ended:
            self.ended = True
            self.subscriber.halt()
            frame = gateway_pb2.TrunkResponse(session=self.number)
            frame.session_ended.closing.code = ending.code.wire
            frame.session_ended.closing.message = ending.message
            if ending.retry_after_seconds is not None:
                frame.session_ended.closing.retry_after.FromNanoseconds(
                    int(ending.retry_after_seconds * 1e9)
                )
            self._streams.put_control(frame)

    async def reauthorize(self, identity: Identity) -> None:
        """Speak for a fresh identity; what it does not cover any more ends."""
        self.identity = identity
        await self.subscriber.reauthorize(identity)

    async def subscribe(self, request_id: str, request: channel_pb2.Subscribe) -> None:
        """Follow a channel; where it comes back as it was, without a word. Raises `Rejection`."""
        restore = self._streams.restore
        if restore is not None and request.cursor == restore.cursor:
            restored = await self.subscriber.restore(
                request_id, request, lambda topics: self._shares(restore, topics), self._restored
            )
            if restored:
                return
        await self.subscriber.subscribe(request_id, request)

    def _shares(self, restore: Restore, topics: tuple[str, ...]) -> bool:
        # Where a channel became private or public meanwhile, each reads with its own rights.
        changed = self._streams.feed.privacy and any(map(is_pattern, topics))
        return not changed and restore.shares(self.identity, topics)

    def _restored(self, subscription: Subscription) -> None:
        """Join the subscription's numbers before all that is replayed."""
        for topic in subscription.followed:
            self._join(subscription, topic, restored=True)

    async def view(self, request_id: str, stream_id: str, since: Positions) -> None:
        """Follow the answer of an invocation of this session from its first update.

        Its events carry the request's id.
        """
        request = channel_pb2.Subscribe(channel=f"stream.{stream_id}", cursor=encode_cursor(since))
        # A number of this session's own, since nobody else's events carry the request's id.
        label = f"{self.number}/{request_id}"
        await self.subscriber.subscribe(request_id, request, label=label)

    def put_control(self, frame: gateway_pb2.TrunkResponse) -> None:
        """Queue a frame on the trunk's CONTROL."""
        self._streams.put_control(frame)

    # What its subscriber has for it (channel.subscription.Outlet).

    @property
    def roomy(self) -> bool:
        """Whether the next page of what was missed should be read."""
        return self.window > 0 and self._streams.window > 0

    def subscribed(self, subscription: Subscription, frame: channel_pb2.Subscribed) -> None:
        """Tell that the subscription stands."""
        self._catch_up(subscription.request_id, subscribed=frame)

    def snapshot(self, subscription: Subscription, frame: event_pb2.AnswerSnapshot) -> None:
        """Hand on an answer as it stands."""
        self._catch_up(subscription.request_id, snapshot=frame)

    def missed(self, subscription: Subscription, events: list[bytes]) -> None:
        """Send a page of what was missed, against the windows."""
        delivery = frames_pb2.Delivery(events=events, subscription=subscription.channel)
        size = delivery.ByteSize()
        self.window -= size
        self._streams.window -= size
        self._streams.put_catch_up(
            frames_pb2.TrunkResponse(session=self.number, delivery=delivery).SerializeToString()
        )

    def gap(self, subscription: Subscription, frame: event_pb2.Gap) -> None:
        """Tell that events are missing."""
        self._catch_up("", gap=frame)

    def follow(self, subscription: Subscription) -> None:
        """Join the subscription's numbers on LIVE, then tell on CATCH_UP that it is live."""
        self.follow_changed(subscription)
        cursor = encode_cursor(self._parts.hub.heads)
        frame = channel_pb2.CaughtUp(channel=subscription.channel, cursor=cursor)
        self._catch_up(subscription.request_id, caught_up=frame)

    def follow_changed(self, subscription: Subscription) -> None:
        """Take up what changed in a live subscription: private channels come and go."""
        followed = set(subscription.followed)
        for topic in subscription.numbers - followed:
            self._part(subscription, topic)
        for topic in followed - subscription.numbers:
            self._join(subscription, topic)

    def unfollow(self, subscription: Subscription) -> None:
        """Leave the subscription's numbers."""
        for topic in tuple(subscription.numbers):
            self._part(subscription, topic)

    def unsubscribed(self, subscription: Subscription, frame: channel_pb2.Unsubscribed) -> None:
        """Tell that the subscription ended though the client did not ask for it."""
        self._streams.put_control(
            gateway_pb2.TrunkResponse(
                session=self.number, request_id=subscription.request_id, unsubscribed=frame
            )
        )

    def fall_back(self, after: Positions) -> None:
        """Let the edge resume everything: only it can tell what it holds from what comes again."""
        self._streams.restart()

    def _join(self, subscription: Subscription, topic: str, *, restored: bool = False) -> None:
        subscription.numbers.add(topic)
        feed = self._streams.feed
        join = gateway_pb2.Join(
            number=feed.take_number(topic, subscription.label, restored=restored),
            channel=subscription.channel,
            request_id=subscription.label.partition("/")[2],
            restored=restored,
        )
        frame = gateway_pb2.TrunkResponse(
            session=self.number, request_id=subscription.request_id, join=join
        ).SerializeToString()
        if restored:
            feed.restore(frame)
        else:
            feed.operate(frame)

    def _part(self, subscription: Subscription, topic: str) -> None:
        """Drop a number, and part from it where no other subscription of the session needs it."""
        subscription.numbers.remove(topic)
        number = self._streams.feed.drop_number(topic, subscription.label)
        if not any(
            topic in other.numbers and other.label == subscription.label
            for other in self.subscriber.subscriptions.values()
        ):
            part = gateway_pb2.Part(number=number)
            self._operate(gateway_pb2.TrunkResponse(session=self.number, part=part))

    def _operate(self, frame: gateway_pb2.TrunkResponse) -> None:
        self._streams.feed.operate(frame.SerializeToString())

    def _catch_up(
        self,
        request_id: str,
        *,
        subscribed: channel_pb2.Subscribed | None = None,
        snapshot: event_pb2.AnswerSnapshot | None = None,
        gap: event_pb2.Gap | None = None,
        caught_up: channel_pb2.CaughtUp | None = None,
    ) -> None:
        frame = gateway_pb2.TrunkResponse(
            session=self.number,
            request_id=request_id,
            subscribed=subscribed,
            snapshot=snapshot,
            gap=gap,
            caught_up=caught_up,
        )
        self._streams.put_catch_up(frame.SerializeToString())


NO_CLIENT = common_pb2.ClientInfo()
