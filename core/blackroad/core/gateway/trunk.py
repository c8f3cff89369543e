"""A trunk: the sessions of one edge, and the three streams on which it is told of them."""

import asyncio
from collections.abc import Callable
from copy import copy

import structlog

from blackroad.core.channel.parts import Parts
from blackroad.core.channel.pump import Pump, Source
from blackroad.core.door.frames import rejected
from blackroad.core.errors import Code, Ending, Rejection
from blackroad.core.gateway.feed import Feed
from blackroad.core.gateway.frames import TrunkFrame, batch_responses
from blackroad.core.gateway.requests import Requests
from blackroad.core.gateway.restore import Restore
from blackroad.core.gateway.session import BrowserSession
from blackroad.core.identity.audit import AUDIT
from blackroad.core.identity.identity import Identity
from blackroad.core.ids import session_id
from blackroad.core.lanes import Lanes
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.outbox import Outbox
from blackroad.realtime.v1 import gateway_pb2

LOG = structlog.get_logger(__name__)
TRUNK_WINDOW_BYTES = 1 << 20
CONTROL_BYTES = 8 << 20
CATCH_UP_BYTES = 8 << 20
UNKNOWN = "there is no such trunk: CONTROL comes first"


class Trunk:
    """The core's end of a trunk.

    It lives from its CONTROL stream's first frame until one of the three streams ends.
    """

    def __init__(
        self,
        identity: Identity,
        parts: Parts,
        requests: Requests,
        connected_ns: Callable[[], int],
        cursor: str = "",
    ) -> None:
        self.trunk_id = session_id()
        self.identity = identity
        self.window = TRUNK_WINDOW_BYTES
        self.pump = Pump(self.crashed)
        self.restore = Restore.begin(cursor, parts.hub, parts.directory) if cursor else None
        after = self.restore.after if self.restore else None
        self.feed = Feed(
            parts.hub, parts.directory, self.pump, self.restart, after=after, budget=parts.budget
        )
        self.control: Outbox[TrunkFrame] = Outbox(
            batch_responses, _never, CONTROL_BYTES, parts.budget
        )
        self.catch_up: Outbox[TrunkFrame] = Outbox(
            batch_responses, _never, CATCH_UP_BYTES, parts.budget
        )
        self.control.batching = self.catch_up.batching = True
        self.sessions: dict[int, BrowserSession] = {}
        self.ended: list[Callable[[Ending | None], None]] = []
        self.whole = asyncio.Event()
        self.restored = asyncio.Event()
        if self.restore is None:
            self.restored.set()
        self._returning: set[int] = set()  # sessions that an edge restores just now
        self._awaited = {gateway_pb2.TRUNK_ROLE_LIVE, gateway_pb2.TRUNK_ROLE_CATCH_UP}
        self._parts = parts
        self._requests = requests
        self._connected_ns = connected_ns
        self._lanes: Lanes[int, gateway_pb2.TrunkRequest] = Lanes(self.handle)

    def attach(self, role: gateway_pb2.TrunkRole.ValueType, identity: Identity) -> None:
        """Take that LIVE or CATCH_UP has come; `whole` is set when both have.

        An `Ending` where it is another gateway's (NOT_FOUND), or came before (CONFLICT).
        """
        if (identity.tenant, identity.subject) != (self.identity.tenant, self.identity.subject):
            raise Ending(Code.NOT_FOUND, UNKNOWN)
        if role not in self._awaited:
            raise Ending(Code.CONFLICT, "the trunk has this stream already")
        self._awaited.remove(role)
        if not self._awaited:
            self.whole.set()

    @property
    def session_id(self) -> str:
        """Its id, among sessions that end with their tokens."""
        return self.trunk_id

    async def reauthorize(self, identity: Identity) -> None:
        """Go on with the edge's fresh token."""
        self.identity = identity

    def put_control(self, frame: gateway_pb2.TrunkResponse) -> None:
        """Queue a frame on CONTROL."""
        self.control.put(frame.SerializeToString())

    def put_catch_up(self, frame: bytes) -> None:
        """Queue a serialized frame on CATCH_UP."""
        self.catch_up.put(frame)

    def end(self, ending: Ending | None) -> None:
        """End all three streams. Idempotent."""
        for end in self.ended:
            end(ending)

    def restart(self) -> None:
        """End at once, with nothing more on LIVE: the edge comes back and resumes everything."""
        self.feed.close()
        self.end(
            Ending(Code.SLOW_CONSUMER, "live events were lost: resume with the trunk's cursor")
        )

    def close(self) -> None:
        """Close all sessions, in one go: a lost stream may be cancelled more than once.

        Their browsers were lost with the edge, or come again by another core.
        """
        self.feed.close()
        self._lanes.close()
        for outbox in (self.control, self.feed.outbox, self.catch_up):
            outbox.forget()
        while self.sessions:
            _, session = self.sessions.popitem()
            self._requests.close(session, clean=False)

    def bookmark(self) -> None:
        """Hand on a cursor without an event, after all events before it."""
        if not self.feed.behind:
            frame = gateway_pb2.TrunkResponse()
            frame.bookmark.cursor = encode_cursor(self._parts.hub.heads)
            self.feed.mark(frame.SerializeToString())

    def mark(self) -> None:
        """Hand on a cursor where somebody has joined since the last one."""
        if self.feed.unmarked:
            self.bookmark()

    def credit(self, number: int, size: int) -> None:
        """Widen the window of the trunk (0) or of a session."""
        if number == 0:
            was_shut = self.window <= 0
            self.window += size
            for session in self.sessions.values() if was_shut else ():
                self.pump.wake(session.subscriber)
        elif (one := self.sessions.get(number)) is not None:
            one.window += size
            self.pump.wake(one.subscriber)

    def crashed(self, source: Source, error: Exception) -> None:
        """Take that reading on for a source has failed: its session ends, or the trunk."""
        if source is self.feed:
            LOG.error("trunk.failed", trunk=self.trunk_id, exc_info=error)
            self.restart()
        for session in self.sessions.values():
            if session.subscriber is source:
                LOG.error("session.failed", session=session.session_id, exc_info=error)
                self._end_session(session, Ending(Code.INTERNAL))

    async def take(self, request: gateway_pb2.TrunkRequest) -> None:
        """Have a frame of CONTROL served: after those of its session, beside those of others.

        What one browser asks for may take the log's time, or another node's; no other waits for it.
        """
        await self.catch_up.room()
        if request.HasField("restored"):
            await self._lanes.idle()  # all that was to be restored has been
        own = copy(request)  # a frame of a batch keeps the whole of it
        await self._lanes.put(own.session, own, own.ByteSize())

    async def handle(self, request: gateway_pb2.TrunkRequest) -> None:
        """Serve one frame of CONTROL. Where it fails beyond a `Rejection` its session ends."""
        try:
            await self._handle(request)
        except Rejection as rejection:
            self.reject(request, rejection)
        except Ending as ending:
            self.reject(request, Rejection(ending.code, ending.message))
            self._end_session(self.sessions.get(request.session), ending)
        except Exception:
            # One browser's failure is not its neighbours'.
            failed = self.sessions.get(request.session)
            LOG.exception("session.failed", session=failed.session_id if failed else "")
            self.reject(request, Rejection(Code.INTERNAL))
            self._end_session(self.sessions.get(request.session), Ending(Code.INTERNAL))

    def reject(self, request: gateway_pb2.TrunkRequest, rejection: Rejection) -> None:
        """Answer a frame that failed."""
        session = self.sessions.get(request.session)
        identity = self.identity if session is None else session.identity
        AUDIT.refused(identity, f"Trunk {request.WhichOneof('frame')}", rejection)
        self.put_control(
            gateway_pb2.TrunkResponse(
                session=request.session, request_id=request.request_id, rejected=rejected(rejection)
            )
        )

    async def _handle(self, request: gateway_pb2.TrunkRequest) -> None:
        match request.WhichOneof("frame"):
            case "session_opened":
                await self._open(request.session, request.request_id, request.session_opened)
            case "session_closed":
                if (session := self.sessions.get(request.session)) is not None:
                    self._requests.close(session, clean=request.session_closed.clean)
                    self.sessions.pop(request.session, None)
            case "restored":
                self._returning.clear()
                self.restore = None
                self.restored.set()
                self.feed.go_on()
            case "refresh" if not request.session:
                accepted = await self._requests.renew(self, request.refresh)
                self.put_control(
                    gateway_pb2.TrunkResponse(request_id=request.request_id, accepted=accepted)
                )
            case "ping":
                answer = gateway_pb2.TrunkResponse(request_id=request.request_id)
                answer.pong.payload = request.ping.payload
                self.put_control(answer)
            case "hello" | "batch" | "credit":
                raise Rejection(Code.BAD_FRAME)
            case None:
                raise Rejection(Code.UNKNOWN_TYPE)
            case _:
                await self._serve(request)

    async def _open(self, number: int, request_id: str, opened: gateway_pb2.SessionOpened) -> None:
        if not number or number in self.sessions:
            raise Rejection(Code.BAD_FRAME, "session is a number that was not used before")
        answer = gateway_pb2.TrunkResponse(session=number, request_id=request_id)
        session: BrowserSession | None = None
        try:
            identity = await self._requests.identify(opened)
            session = BrowserSession(
                number,
                opened.session_id or session_id(),
                identity,
                opened,
                self._connected_ns(),
                self,
                self.pump,
                self._parts,
            )
            self._requests.open(session)
        except Rejection as rejection:
            if session is not None:
                session.subscriber.close(clean=True)
            AUDIT.refused(None, "Trunk session_opened", rejection)
            answer.session_refused.rejected.CopyFrom(rejected(rejection))
        else:
            self.sessions[number] = session
            if opened.session_id:
                self._returning.add(number)
            answer.session_accepted.session_id = session.session_id
            answer.session_accepted.client_id = identity.subject
            answer.session_accepted.return_ticket = self._requests.return_ticket(session, opened)
            answer.session_accepted.identity.CopyFrom(identity.wire)
            if identity.expires_at is not None:
                answer.session_accepted.expire_time.FromNanoseconds(int(identity.expires_at * 1e9))
        self.put_control(answer)

    async def _serve(self, request: gateway_pb2.TrunkRequest) -> None:
        session = self.sessions.get(request.session)
        if session is None or session.ended:
            raise Rejection(Code.NOT_FOUND, "there is no such session")
        charged = request.session not in self._returning
        answer = await self._requests.serve(session, request, charged=charged)
        if answer is not None:
            answer.session = request.session
            answer.request_id = request.request_id
            self.put_control(answer)

    def _end_session(self, session: BrowserSession | None, ending: Ending) -> None:
        if session is not None:
            session.end(ending)


def _never(frame: TrunkFrame) -> None:
    raise AssertionError("no live events on this stream")
