"""One session of PresenceService.Track: its frames in, its frames out."""

import asyncio
from collections.abc import AsyncIterator

from blackroad.core.channel.asked import MAX_SUBSCRIPTIONS
from blackroad.core.clock import Clock
from blackroad.core.door.duplex import Duplex, Writer
from blackroad.core.door.frames import check_hello, closing, duration, rejected, welcome
from blackroad.core.errors import Code, CodedError, Ending, Rejection
from blackroad.core.hub.group import Frame
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.audit import AUDIT
from blackroad.core.identity.authorize import authorize
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.identity.renewal import Renew
from blackroad.core.ids import session_id
from blackroad.core.limits.budget import Budget
from blackroad.core.outbox import Outbox
from blackroad.core.presence.calls import scope_of
from blackroad.core.presence.entity import Entity, checked_entity, entity_of, kind_of
from blackroad.core.presence.page import pattern_of
from blackroad.core.presence.roster import Roster
from blackroad.core.presence.watch import Watch
from blackroad.realtime.v1 import admin_pb2, common_pb2, presence_pb2

MAX_REQUEST_ID_BYTES = 128
COMMANDS = frozenset({"announce", "update", "watch", "unwatch"})


class TrackSession:
    """Announces its own identity, which needs no grant, and watches what its grants let it see."""

    door = admin_pb2.DOOR_GRPC
    method = "Track"
    catching_up = False

    def __init__(
        self,
        identity: Identity,
        writer: Writer,
        roster: Roster,
        hub: Hub,
        clock: Clock,
        *,
        node: str,
        development: bool,
        renew: Renew,
        budget: Budget,
    ) -> None:
        self._renew = renew
        self.session_id = session_id()
        self.identity = identity
        self.client = common_pb2.ClientInfo()
        self.connected_ns = clock.time_ns()
        self._roster = roster
        self._hub = hub
        self._clock = clock
        self._welcome = welcome(self.session_id, node, identity, development=development)
        self._welcomed = False
        self._outbox: Outbox[Frame] = Outbox(_no_batch, _no_live, budget=budget)
        self._outbox.exhausted = lambda: self.end(Ending(Code.SLOW_CONSUMER))
        self._duplex: Duplex[presence_pb2.TrackRequest] = Duplex(self._outbox, writer, self)
        self._duplex.on_written = self._feed
        self._watches: dict[str, Watch] = {}  # by what each needs a grant for
        self._ready: dict[Watch, None] = {}  # those with something to say, in turn
        self._feeding: asyncio.Handle | None = None
        self._closing = False

    @property
    def subscriptions(self) -> list[str]:
        """The names and patterns that it watches."""
        return list(self._watches)

    @property
    def queued_bytes(self) -> int:
        """What waits for the client to read."""
        return self._outbox.size

    def gap_ns(self, _: str) -> int:
        """Return 0: it has no subscriptions."""
        return 0

    def end(self, ending: Ending) -> None:
        """End the session. Idempotent; never blocks."""
        self._duplex.end(ending)

    async def reauthorize(self, identity: Identity) -> None:
        """Speak for a fresh identity; a watch that it does not cover is rejected, and over."""
        self.identity = identity
        for name, watch in tuple(self._watches.items()):
            try:
                authorize(identity, Action.PRESENCE, name)
            except Rejection as rejection:
                self._drop(name)
                self._answer(watch.request_id, rejected=rejected(rejection))

    async def run(self, requests: AsyncIterator[presence_pb2.TrackRequest]) -> None:
        """Serve the session until it ends."""
        try:
            await self._duplex.run(requests)
        finally:
            for watch in self._watches.values():
                watch.close()
            if self._feeding is not None:
                self._feeding.cancel()
            self._roster.depart(self.session_id, clean=False)

    # What comes in (door.duplex.Handler).

    async def handle(self, request: presence_pb2.TrackRequest) -> None:  # noqa: C901 (one arm each)
        """Serve one frame."""
        if len(request.request_id) > MAX_REQUEST_ID_BYTES:
            raise Ending(Code.BAD_FRAME, "request_id is at most 128 bytes")
        self._greet(request.hello)
        kind = request.WhichOneof("frame")
        if kind in COMMANDS:
            self._roster.charge_command(self.identity)
        match kind:
            case "hello":
                pass
            case "announce":
                await self._announce(request)
            case "update":
                await self._update(request)
            case "watch":
                self._watch(request.request_id, request.watch)
            case "unwatch":
                self._unwatch(request.request_id, request.unwatch)
            case "ping":
                self._answer(request.request_id, pong=common_pb2.Pong(payload=request.ping.payload))
            case "refresh":
                accepted = await self._renew(self, request.refresh)
                self._answer(request.request_id, accepted=accepted)
            case "leave":
                await self._roster.leave(self.session_id, clean=True)
                self._duplex.end()
            case None:
                raise Rejection(Code.UNKNOWN_TYPE)

    def reject(self, request: presence_pb2.TrackRequest, rejection: Rejection) -> None:
        """Answer a frame that failed."""
        AUDIT.refused(self.identity, f"Track {request.WhichOneof('frame')}", rejection)
        self._answer(request.request_id, rejected=rejected(rejection))

    def closing(self, ending: CodedError | None) -> bytes:
        """Return the last frame; nothing is fed after it."""
        self._closing = True
        return presence_pb2.TrackResponse(closing=closing(ending)).SerializeToString()

    def _greet(self, hello: common_pb2.Hello) -> None:
        """Answer the first frame by Welcome, whatever it is: an empty Hello may be left out."""
        if not self._welcomed:
            self._welcomed = True
            check_hello(hello)
            self.client = hello.client
            self._answer("", welcome=self._welcome)

    async def _announce(self, request: presence_pb2.TrackRequest) -> None:
        said = request.announce
        await self._roster.enter(
            self.identity, self.session_id, said.status, said.metadata_json, said.capabilities
        )
        self._announced(request.request_id)

    async def _update(self, request: presence_pb2.TrackRequest) -> None:
        said = request.update
        metadata_json = said.metadata_json if said.HasField("metadata_json") else None
        await self._roster.update(self.session_id, said.status, metadata_json)
        self._announced(request.request_id)

    def _announced(self, request_id: str) -> None:
        presence = self._roster.get(*entity_of(self.identity))
        lease = duration(self._roster.lease_seconds)
        self._answer(request_id, announced=presence_pb2.Announced(presence=presence, lease=lease))

    def _watch(self, request_id: str, said: presence_pb2.Watch) -> None:
        """Watch; the same watch anew replaces the one before."""
        name, topic, entity = self._target(said)
        authorize(self.identity, Action.PRESENCE, name)
        if name not in self._watches and len(self._watches) >= MAX_SUBSCRIPTIONS:
            raise Rejection(Code.TOO_MANY_SUBSCRIPTIONS, channel=name)
        self._drop(name)
        watch = Watch(request_id, topic, entity, self._roster, self._hub, self._clock, self._wake)
        self._watches[name] = watch
        watch.open()
        self._ready[watch] = None
        self._feed()

    def _unwatch(self, request_id: str, said: presence_pb2.Unwatch) -> None:
        self._drop(self._target(said)[0])
        self._answer(request_id, accepted=common_pb2.Accepted())

    def _drop(self, name: str) -> None:
        watch = self._watches.pop(name, None)
        if watch is not None:
            watch.close()
            self._ready.pop(watch, None)

    def _target(
        self, said: presence_pb2.Watch | presence_pb2.Unwatch
    ) -> tuple[str, str, Entity | None]:
        """Return what must be granted, what is followed, and the entity where it is one."""
        tenant = self.identity.tenant
        kind = kind_of(said.entity_type, required=bool(said.entity_id))
        if kind is None or not said.entity_id:
            return scope_of(kind), pattern_of(tenant, kind), None
        entity = checked_entity(tenant, kind, said.entity_id)
        return entity.name, entity.key, entity

    # What goes out.

    def _wake(self, watch: Watch) -> None:
        """Feed soon, so that all that the node hands on at once becomes one frame."""
        self._ready[watch] = None
        if self._feeding is None:
            self._feeding = asyncio.get_running_loop().call_soon(self._feed_ready)

    def _feed_ready(self) -> None:
        self._feeding = None
        self._feed()

    def _feed(self) -> None:
        """Pull frames, each watch in its turn, while the client keeps up."""
        while self._ready and self._outbox.half_empty and not self._closing:
            watch = next(iter(self._ready))
            del self._ready[watch]
            frame = watch.next()
            if frame is not None:
                self._outbox.put(frame)
                self._ready[watch] = None

    def _answer(self, request_id: str, **frame: object) -> None:
        response = presence_pb2.TrackResponse(request_id=request_id, **frame)  # type: ignore[arg-type]  # one arm by its name
        self._outbox.put(response.SerializeToString())


def _no_batch(frames: list[bytes]) -> bytes:
    raise NotImplementedError("Track has no batches")


def _no_live(frame: Frame) -> None:
    raise NotImplementedError("what Track says is pulled")
