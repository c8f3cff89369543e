"""One session of ChannelService.Connect: its frames in, its frames out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import groupby

from blackroad.core.channel.parts import Parts
from blackroad.core.channel.pump import Pump
from blackroad.core.channel.subscriber import Subscriber
from blackroad.core.channel.subscription import Subscription
from blackroad.core.door.duplex import Duplex, Writer
from blackroad.core.door.frames import check_hello, closing, rejected, welcome
from blackroad.core.errors import Code, CodedError, Ending, Rejection
from blackroad.core.hub.group import Frame, Groups, Mark, delivery_frame
from blackroad.core.identity.audit import AUDIT
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.renewal import Renew
from blackroad.core.ids import session_id
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.log.entry import Positions
from blackroad.core.outbox import Outbox
from blackroad.core.publisher import Publisher, tell
from blackroad.core.ticker import Ticker
from blackroad.realtime.v1 import admin_pb2, channel_pb2, common_pb2, event_pb2
from blackroad.wire.v1 import frames_pb2

BOOKMARK_SECONDS = 25.0
MAX_REQUEST_ID_BYTES = 128
LIMITED_SECONDS = 1.0


class ConnectSession:
    """Reads requests, answers them, and hands on events.

    Its place in the node's groups is its live subscriptions.
    """

    door = admin_pb2.DOOR_GRPC
    method = "Connect"

    def __init__(
        self,
        identity: Identity,
        writer: Writer,
        parts: Parts,
        groups: Groups,
        publisher: Publisher,
        ticker: Ticker,
        *,
        node: str,
        development: bool,
        connected_ns: int,
        renew: Renew,
    ) -> None:
        self._renew = renew
        self.session_id = session_id()
        self.identity = identity
        self.client = common_pb2.ClientInfo()
        self.connected_ns = connected_ns
        self._parts = parts
        self._groups = groups
        self._publisher = publisher
        self._ticker = ticker
        self._welcome = welcome(self.session_id, node, identity, development=development)
        self._welcomed = False
        self._outbox: Outbox[Frame] = Outbox(_batch, self._overflow, budget=parts.budget)
        self._outbox.exhausted = self._exhausted
        self._duplex: Duplex[channel_pb2.ConnectRequest] = Duplex(self._outbox, writer, self)
        self._duplex.on_written = self._written
        self._pump = Pump()
        self._subscriber = Subscriber(
            identity, self.session_id, self, self._pump, parts, occupies=True
        )
        self._left = False
        self._limited_until = 0.0

    @property
    def subscriptions(self) -> list[str]:
        """The names and patterns that it follows."""
        return list(self._subscriber.subscriptions)

    @property
    def queued_bytes(self) -> int:
        """What waits for the client to read."""
        return self._outbox.size

    @property
    def catching_up(self) -> bool:
        """Whether a subscription has not yet all that it missed."""
        return self._subscriber.catching_up

    def gap_ns(self, subscription: str) -> int:
        """Return when a subscription was last told of a gap."""
        return self._subscriber.gap_ns(subscription)

    def end(self, ending: Ending) -> None:
        """End the session. Idempotent; never blocks."""
        self._duplex.end(ending)

    async def reauthorize(self, identity: Identity) -> None:
        """Speak for a fresh identity; what it does not cover any more ends."""
        self.identity = identity
        await self._subscriber.reauthorize(identity)

    async def run(self, requests: AsyncIterator[channel_pb2.ConnectRequest]) -> None:
        """Serve the session until it ends."""
        try:
            with self._ticker.every(BOOKMARK_SECONDS, self._bookmark):
                await self._duplex.run(requests, self._pump.run())
        finally:
            self._groups.move(self, frozenset())
            self._subscriber.close(clean=self._left)

    # What comes in (door.duplex.Handler).

    async def handle(self, request: channel_pb2.ConnectRequest) -> None:
        """Serve one frame."""
        if request.WhichOneof("frame") != "batch":
            await self._handle(request)
            return
        for publishes, frames in groupby(request.batch.frames, _publishes):
            if publishes:
                await self._publish(tuple(frames))
                continue
            for frame in frames:
                try:
                    await self._handle(frame)
                except Rejection as rejection:
                    self.reject(frame, rejection)

    def reject(self, request: channel_pb2.ConnectRequest, rejection: Rejection) -> None:
        """Answer a frame that failed; one too many that has no id, at most once a second."""
        AUDIT.refused(self.identity, f"Connect {request.WhichOneof('frame')}", rejection)
        if rejection.code is Code.RATE_LIMITED and not request.request_id:
            now = asyncio.get_running_loop().time()
            if now < self._limited_until:
                return
            self._limited_until = now + LIMITED_SECONDS
        self._answer(request.request_id, rejected=rejected(rejection))

    def closing(self, ending: CodedError | None) -> bytes:
        """Return the last frame."""
        return channel_pb2.ConnectResponse(closing=closing(ending)).SerializeToString()

    async def _handle(self, request: channel_pb2.ConnectRequest) -> None:
        self._admit(request)
        match request.WhichOneof("frame"):
            case "hello":
                pass
            case "subscribe":
                self._parts.charge_command(self.identity)
                await self._subscriber.subscribe(request.request_id, request.subscribe)
            case "unsubscribe":
                self._parts.charge_command(self.identity)
                self._unsubscribe(request)
            case "publish":
                await self._publish((request,))
            case "ping":
                self._bookmark()
                self._answer(request.request_id, pong=common_pb2.Pong(payload=request.ping.payload))
            case "refresh":
                accepted = await self._renew(self, request.refresh)
                self._answer(request.request_id, accepted=accepted)
            case "leave":
                self._left = True
                self._duplex.end()
            case "batch":
                raise Rejection(Code.BAD_FRAME, "a batch holds no batches")
            case None:
                raise Rejection(Code.UNKNOWN_TYPE)

    def _admit(self, request: channel_pb2.ConnectRequest) -> None:
        """Answer the first frame by Welcome, whatever it is: an empty Hello may be left out."""
        if len(request.request_id) > MAX_REQUEST_ID_BYTES:
            raise Ending(Code.BAD_FRAME, "request_id is at most 128 bytes")
        if not self._welcomed:
            self._welcomed = True
            self._outbox.batching = check_hello(request.hello)
            self.client = request.hello.client
            self._answer("", welcome=self._welcome)

    async def _publish(self, requests: Sequence[channel_pb2.ConnectRequest]) -> None:
        """Append what these neighbours publish at once: one way to the log and back for all."""
        for request in requests:
            self._admit(request)
        wanted = [request.publish for request in requests]
        results = await self._publisher.publish_each(self.identity, self.session_id, wanted)
        for request, publish, result in zip(requests, wanted, results, strict=True):
            if isinstance(result, Rejection):
                self.reject(request, result)
            else:
                response = channel_pb2.ConnectResponse()
                response.request_id = request.request_id
                tell(response.published, publish.channel, result)
                self._outbox.put(response.SerializeToString())

    def _unsubscribe(self, request: channel_pb2.ConnectRequest) -> None:
        channel = request.unsubscribe.channel
        if not channel:
            raise Rejection(Code.MISSING_FIELD, "channel is required")
        self._subscriber.unsubscribe(channel)
        self._answer(request.request_id, unsubscribed=channel_pb2.Unsubscribed(channel=channel))

    # What goes out (channel.subscription.Outlet and hub.group.Receiver).

    @property
    def roomy(self) -> bool:
        """Whether the next page of what was missed should be read."""
        return self._outbox.half_empty

    def receive(self, frame: Frame) -> None:
        """Queue live events."""
        self._outbox.put_live(frame)

    def subscribed(self, subscription: Subscription, frame: channel_pb2.Subscribed) -> None:
        """Tell that the subscription stands."""
        self._answer(subscription.request_id, subscribed=frame)

    def snapshot(self, subscription: Subscription, frame: event_pb2.AnswerSnapshot) -> None:
        """Hand on an answer as it stands."""
        self._answer(subscription.request_id, snapshot=frame)

    def missed(self, subscription: Subscription, events: list[bytes]) -> None:
        """Queue a page of what was missed."""
        self._outbox.put(delivery_frame(events, subscription.channel))

    def gap(self, subscription: Subscription, frame: event_pb2.Gap) -> None:
        """Tell that events are missing."""
        self._answer("", gap=frame)

    def follow(self, subscription: Subscription) -> None:
        """Follow the subscription's topics live, and tell so."""
        self._move()
        cursor = encode_cursor(self._parts.hub.heads)
        frame = channel_pb2.CaughtUp(channel=subscription.channel, cursor=cursor)
        self._answer("", caught_up=frame)

    def follow_changed(self, subscription: Subscription) -> None:
        """Take up what changed in a live subscription."""
        self._move()

    def unfollow(self, subscription: Subscription) -> None:
        """Stop following a live subscription."""
        self._move(without=subscription)

    def unsubscribed(self, subscription: Subscription, frame: channel_pb2.Unsubscribed) -> None:
        """Tell that the subscription ended though the client did not ask for it."""
        self._answer("", unsubscribed=frame)

    def fall_back(self, after: Positions) -> None:
        """Catch up from an earlier place.

        The client hears it first: what goes live again before its other subscriptions is not for
        them, though they match it.
        """
        self._answer("", lagging=channel_pb2.Lagging())
        self._subscriber.fall_back(after)

    def _move(self, without: Subscription | None = None) -> None:
        topics = {
            topic
            for subscription in self._subscriber.subscriptions.values()
            if subscription.live and subscription is not without
            for topic in subscription.followed
        }
        self._groups.move(self, frozenset(topics))

    def _overflow(self, frame: Frame) -> None:
        """Drop what waits, and let the live subscriptions catch up from where the client stands."""
        dropped = [*self._outbox.drop_live(), frame]
        lagging = channel_pb2.Lagging(dropped_bytes=sum(one.size for one in dropped))
        self._answer("", lagging=lagging)
        self._subscriber.fall_back(dropped[0].after)

    def _exhausted(self) -> None:
        self.end(Ending(Code.SLOW_CONSUMER))

    def _written(self) -> None:
        if self._outbox.half_empty:
            self._pump.wake(self._subscriber)

    def _bookmark(self) -> None:
        """Hand on a cursor without an event, after all events before it."""
        if any(subscription.live for subscription in self._subscriber.subscriptions.values()):
            self._groups.flush(self)
            heads = self._parts.hub.heads
            bookmark = channel_pb2.Bookmark(cursor=encode_cursor(heads))
            response = channel_pb2.ConnectResponse(bookmark=bookmark)
            # Where the events before it are dropped, so is it: it would say that they came.
            self._outbox.put(Mark(response.SerializeToString(), heads))

    def _answer(self, request_id: str, **frame: object) -> None:
        response = channel_pb2.ConnectResponse(request_id=request_id, **frame)  # type: ignore[arg-type]  # one arm by its name
        self._outbox.put(response.SerializeToString())


def _batch(frames: list[bytes]) -> bytes:
    return frames_pb2.ConnectResponse(batch=frames_pb2.Batch(frames=frames)).SerializeToString()


def _publishes(frame: channel_pb2.ConnectRequest) -> bool:
    return frame.HasField("publish")
