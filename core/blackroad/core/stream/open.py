"""One session of StreamService.Open: its frames in, its frames out."""

from asyncio import Future
from collections.abc import AsyncIterator
from copy import copy
from functools import partial

import structlog

from blackroad.core.channel.pump import Pump
from blackroad.core.door.duplex import Duplex, Writer
from blackroad.core.door.frames import check_hello, closing, rejected, welcome
from blackroad.core.errors import Code, CodedError, Ending, Rejection
from blackroad.core.hub.group import Frame
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.audit import AUDIT
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.renewal import Renew
from blackroad.core.ids import session_id
from blackroad.core.lanes import Lanes
from blackroad.core.log.cursor import decode_cursor, layout_number
from blackroad.core.log.entry import Position, Positions
from blackroad.core.outbox import Outbox
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.answers import Answers
from blackroad.core.stream.viewing import Viewing
from blackroad.realtime.v1 import admin_pb2, common_pb2, stream_pb2
from blackroad.wire.v1 import frames_pb2

LOG = structlog.get_logger(__name__)
MAX_REQUEST_ID_BYTES = 128
MAX_VIEWINGS = 4096


class OpenSession:
    """Starts answers, joins them, and hands on what comes of them.

    Once half-closed it ends after the last ending.
    """

    door = admin_pb2.DOOR_GRPC
    method = "Open"

    def __init__(
        self,
        identity: Identity,
        writer: Writer,
        answers: Answers,
        hub: Hub,
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
        self._answers = answers
        self._hub = hub
        self._welcome = welcome(self.session_id, node, identity, development=development)
        self._welcomed = False
        self._outbox: Outbox[Frame] = Outbox(_batch, _nothing, budget=answers.budget)
        self._outbox.exhausted = lambda: self.end(Ending(Code.SLOW_CONSUMER))
        self._duplex: Duplex[stream_pb2.OpenRequest] = Duplex(self._outbox, writer, self)
        self._duplex.on_written = self._written
        self._duplex.on_half_close = self._half_close
        self.put, self.put_all = self._outbox.put, self._outbox.put_all
        self._pump = Pump()
        self._viewings: dict[str, Viewing] = {}
        self._half_closed = False
        # What waits for the log or another node, by request, or by answer: no other waits for it.
        self._lanes: Lanes[str, stream_pb2.OpenRequest] = Lanes(self._serve)
        self._lanes.on_idle = self._end_if_done

    @property
    def subscriptions(self) -> list[str]:
        """The channels of the answers that it views."""
        return [f"stream.{viewing.answer.stream_id}" for viewing in self._viewings.values()]

    @property
    def queued_bytes(self) -> int:
        """What waits for the client to read."""
        return self._outbox.size

    @property
    def catching_up(self) -> bool:
        """Whether an answer has updates that were not yet handed on."""
        return not all(viewing.live for viewing in self._viewings.values())

    @property
    def roomy(self) -> bool:
        """Whether the next page of what was missed should be read."""
        return self._outbox.half_empty

    def gap_ns(self, _: str) -> int:
        """Return 0: it has no subscriptions."""
        return 0

    def end(self, ending: Ending) -> None:
        """End the session. Idempotent; never blocks."""
        self._duplex.end(ending)

    async def reauthorize(self, identity: Identity) -> None:
        """Speak for a fresh identity; an answer that it may not see is rejected, and left."""
        self.identity = identity
        for request_id, viewing in tuple(self._viewings.items()):
            try:
                self._answers.archive.viewed(identity, viewing.answer.stream_id)
            except Rejection as rejection:
                viewing.leave()
                self._over(viewing)
                refused = stream_pb2.OpenResponse(
                    request_id=request_id, rejected=rejected(rejection)
                )
                self.put(refused.SerializeToString())

    async def run(self, requests: AsyncIterator[stream_pb2.OpenRequest]) -> None:
        """Serve the session until it ends.

        The answers that it began go on, but for those that are to end with it.
        """
        try:
            await self._duplex.run(requests, self._pump.run())
        finally:
            self._lanes.close()
            for viewing in tuple(self._viewings.values()):
                viewing.leave()
                self._answers.left(viewing.answer, self.session_id)

    # What comes in (door.duplex.Handler).

    async def handle(self, request: stream_pb2.OpenRequest) -> None:
        """Serve one frame."""
        if request.WhichOneof("frame") != "batch":
            await self._handle(request)
        else:
            for frame in request.batch.frames:
                try:
                    await self._handle(frame)
                except Rejection as rejection:
                    self.reject(frame, rejection)

    async def _serve(self, request: stream_pb2.OpenRequest) -> None:
        """Serve, in its lane, a frame that may have to wait for the log or for another node."""
        try:
            await self._handle_slow(request)
        except Rejection as rejection:
            self.reject(request, rejection)
        except Ending as ending:
            self.end(ending)
        except Exception:
            LOG.exception("session.failed", session=self.session_id)
            self.end(Ending(Code.INTERNAL))

    def reject(self, request: stream_pb2.OpenRequest, rejection: Rejection) -> None:
        """Answer a frame that failed."""
        self._refuse(request.request_id, request.WhichOneof("frame"), rejection)

    def _refuse(self, request_id: str, kind: str | None, rejection: Rejection) -> None:
        AUDIT.refused(self.identity, f"Open {kind}", rejection)
        response = stream_pb2.OpenResponse(request_id=request_id, rejected=rejected(rejection))
        self.put(response.SerializeToString())

    def closing(self, ending: CodedError | None) -> bytes:
        """Return the last frame."""
        return stream_pb2.OpenResponse(closing=closing(ending)).SerializeToString()

    async def _handle(self, request: stream_pb2.OpenRequest) -> None:
        kind = request.WhichOneof("frame")
        if not self._welcomed:
            self._greet(request.hello)
        if len(request.request_id) > MAX_REQUEST_ID_BYTES:
            raise Ending(Code.BAD_FRAME, "request_id is at most 128 bytes")
        match kind:
            case "start" if self._is_at_once(request):
                self._check_new(request.request_id)
                self._begin(request, self._answers.open_at_once(self.identity, request.start))
            case "start" | "join" | "input" | "cancel":
                own = copy(request)  # a frame of a batch keeps the whole of it
                await self._lanes.put(_lane(own), own, own.ByteSize())
            case "refresh":
                self._answer(request, accepted=await self._renew(self, request.refresh))
            case "ping":
                self._answer(request, pong=common_pb2.Pong(payload=request.ping.payload))
            case "hello":
                pass
            case "batch":
                raise Rejection(Code.BAD_FRAME, "a batch holds no batches")
            case _:
                raise Rejection(Code.UNKNOWN_TYPE)

    async def _handle_slow(self, request: stream_pb2.OpenRequest) -> None:
        match request.WhichOneof("frame"):
            case "start":
                self._check_new(request.request_id)
                self._begin(request, await self._answers.open(self.identity, request.start))
            case "join":
                self._answers.charge_command(self.identity)
                await self._join(request)
            case "input":
                self._answers.charge_command(self.identity)
                await self._answers.input(
                    self.identity, request.input.stream_id, request.input.json
                )
                self._answer(request, accepted=common_pb2.Accepted())
            case _:
                self._answers.charge_command(self.identity)
                await self._answers.cancel(self.identity, request.cancel.stream_id)
                self._answer(request, accepted=common_pb2.Accepted())

    def _is_at_once(self, request: stream_pb2.OpenRequest) -> bool:
        """Tell whether a start has nothing to wait for, nor anything before it of its id."""
        return not request.start.conversation and request.request_id not in self._lanes

    def _greet(self, hello: common_pb2.Hello) -> None:
        """Answer the first frame by Welcome, whatever it is: an empty Hello may be left out."""
        self._welcomed = True
        self._outbox.batching = check_hello(hello)
        self.client = hello.client
        self.put(stream_pb2.OpenResponse(welcome=self._welcome).SerializeToString())

    def _begin(self, request: stream_pb2.OpenRequest, answer: Answer) -> None:
        """Show a new answer from its first update."""
        viewing = self._view(request.request_id, answer)
        viewing.begin()
        if answer.opened is not None:
            answer.opened.add_done_callback(partial(self._opened, viewing))

    def _opened(self, viewing: Viewing, opened: "Future[None]") -> None:
        """Reject a start that the answer's home, another node, has not taken."""
        rejection = opened.exception()
        if isinstance(rejection, Rejection) and not viewing.over:
            self._refuse(viewing.request_id, "start", rejection)
            viewing.leave()
            self._over(viewing)

    async def _join(self, request: stream_pb2.OpenRequest) -> None:
        self._check_new(request.request_id)
        await self._answers.locate(self.identity, request.join.stream_id)
        answer = self._answers.archive.viewed(self.identity, request.join.stream_id)
        if request.join.cursor:
            places = _places(request.join.cursor, len(self._hub.heads))
            self._view(request.request_id, answer).resume(places)
        else:
            self._view(request.request_id, answer).join()

    def _check_new(self, request_id: str) -> None:
        if not request_id:
            raise Rejection(Code.MISSING_FIELD, "request_id is required here")
        if request_id in self._viewings:
            raise Rejection(Code.ALREADY_EXISTS, "this request_id is in use")
        if len(self._viewings) >= MAX_VIEWINGS:
            raise Rejection(
                Code.TOO_MANY_SUBSCRIPTIONS, f"a session views at most {MAX_VIEWINGS} answers"
            )

    def _view(self, request_id: str, answer: Answer) -> Viewing:
        viewing = Viewing(
            request_id, answer, self._answers, self._hub, self, self._pump, self._over
        )
        self._viewings[request_id] = viewing
        self._answers.joined(answer, self.session_id)
        return viewing

    # What goes out.

    def _over(self, viewing: Viewing) -> None:
        del self._viewings[viewing.request_id]
        self._answers.left(viewing.answer, self.session_id)
        self._end_if_done()

    def _half_close(self) -> None:
        self._half_closed = True
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self._half_closed and not self._viewings and not self._lanes.busy:
            self._duplex.end()

    def _written(self) -> None:
        if self._outbox.half_empty:
            for viewing in self._viewings.values():
                if not viewing.live:
                    self._pump.wake(viewing)

    def _answer(
        self,
        request: stream_pb2.OpenRequest,
        *,
        accepted: common_pb2.Accepted | None = None,
        pong: common_pb2.Pong | None = None,
    ) -> None:
        response = stream_pb2.OpenResponse(
            request_id=request.request_id, accepted=accepted, pong=pong
        )
        self.put(response.SerializeToString())


def _lane(request: stream_pb2.OpenRequest) -> str:
    """Return after whose frames a frame is served: those of its answer, or of its own id."""
    match request.WhichOneof("frame"):
        case "input":
            return request.input.stream_id
        case "cancel":
            return request.cancel.stream_id
        case _:
            return request.request_id


def _places(cursor: str, partitions: int) -> Positions:
    """Return the places of a cursor; of one of another layout, places that no log ever has."""
    decoded = decode_cursor(cursor)
    if decoded.layout != layout_number(partitions):
        return (Position(1, 0),) * partitions
    return tuple(Position(epoch, sequence) for epoch, sequence in decoded.places)


def _batch(frames: list[bytes]) -> bytes:
    return frames_pb2.OpenResponse(batch=frames_pb2.Batch(frames=frames)).SerializeToString()


def _nothing(frame: Frame) -> None:
    raise NotImplementedError  # viewings bound their frames themselves
