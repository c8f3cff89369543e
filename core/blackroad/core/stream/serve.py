"""One session of StreamService.Serve: a worker's frames in, its work out."""

from collections.abc import AsyncIterator, Callable

from blackroad.core.door.duplex import Duplex, Writer
from blackroad.core.door.frames import check_hello, closing, duration, rejected, welcome
from blackroad.core.errors import Code, CodedError, Ending, Rejection
from blackroad.core.hub.group import Frame
from blackroad.core.identity.audit import AUDIT
from blackroad.core.identity.authorize import authorize
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.identity.renewal import Renew
from blackroad.core.ids import session_id
from blackroad.core.outbox import Outbox
from blackroad.core.stream.answers import Answers
from blackroad.core.stream.route import served_names
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import admin_pb2, common_pb2, stream_pb2
from blackroad.wire.v1 import frames_pb2

MAX_REQUEST_ID_BYTES = 128


class ServeSession:
    """Registers a worker, hands it invocations, and takes what it says of them."""

    door = admin_pb2.DOOR_GRPC
    method = "Serve"
    catching_up = False

    def __init__(
        self,
        identity: Identity,
        writer: Writer,
        answers: Answers,
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
        self._dispatcher = answers.dispatcher
        reports = answers.reports
        self._welcome = welcome(self.session_id, node, identity, development=development)
        self._welcomed = False
        self._outbox: Outbox[Frame] = Outbox(_batch, _nothing, budget=answers.budget)
        self._outbox.exhausted = lambda: self.end(Ending(Code.SLOW_CONSUMER))
        self._duplex: Duplex[stream_pb2.ServeRequest] = Duplex(self._outbox, writer, self)
        self._worker = Worker(self.session_id, identity, self._outbox.put)
        self._worker.on_idle = self._end_if_drained
        self._clean = False
        self._frames: dict[str, Callable[[Worker, stream_pb2.ServeRequest], None]] = {
            "chunk": reports.chunk,
            "accept": reports.accept,
            "finish": reports.finish,
            "fail": reports.fail,
            "progress": reports.progress,
            "ask": reports.ask,
            "refuse": reports.refuse,
        }

    @property
    def subscriptions(self) -> list[str]:
        """Nothing: a worker follows no channels here."""
        return []

    @property
    def queued_bytes(self) -> int:
        """What waits for the worker to read."""
        return self._outbox.size

    def gap_ns(self, _: str) -> int:
        """Return 0: it has no subscriptions."""
        return 0

    def end(self, ending: Ending) -> None:
        """End the session.

        Of a node that drains, the worker first hears so, and may finish what it has. Never blocks.
        """
        if ending.code is Code.DRAINING and self._worker.holding:
            draining = stream_pb2.Draining(retry_after=duration(ending.retry_after_seconds or 0.0))
            self._outbox.put(stream_pb2.ServeResponse(draining=draining).SerializeToString())
            self._dispatcher.drain(self._worker)
            self._worker.on_idle = lambda: self._duplex.end(ending)
        else:
            self._duplex.end(ending)

    async def reauthorize(self, identity: Identity) -> None:
        """Serve for a fresh identity; an `Ending` where it may not serve all that is registered."""
        for name in self._worker.names:
            try:
                authorize(identity, Action.SERVE, name)
            except Rejection as rejection:
                raise Ending(rejection.code, rejection.message) from rejection
        self.identity = self._worker.identity = identity

    async def run(self, requests: AsyncIterator[stream_pb2.ServeRequest]) -> None:
        """Serve the session until it ends. What the worker still had is replaced or lost."""
        try:
            await self._duplex.run(requests)
        finally:
            self._dispatcher.leave(self._worker)
            self._answers.rooms.leave(self._worker)
            await self._answers.attendance.leave(self._worker, clean=self._clean)

    # What comes in (door.duplex.Handler).

    async def handle(self, request: stream_pb2.ServeRequest) -> None:
        """Serve one frame."""
        if request.WhichOneof("frame") != "batch":
            await self._handle(request)
        else:
            for frame in request.batch.frames:
                try:
                    if not self._report(frame):
                        await self._handle(frame)
                except Rejection as rejection:
                    self.reject(frame, rejection)
        await self._answers.journal.room()

    def reject(self, request: stream_pb2.ServeRequest, rejection: Rejection) -> None:
        """Answer a frame that failed."""
        AUDIT.refused(self.identity, f"Serve {request.WhichOneof('frame')}", rejection)
        self._answer(request, rejected=rejected(rejection))

    def closing(self, ending: CodedError | None) -> bytes:
        """Return the last frame."""
        return stream_pb2.ServeResponse(closing=closing(ending)).SerializeToString()

    async def _handle(self, request: stream_pb2.ServeRequest) -> None:
        kind = request.WhichOneof("frame")
        if not self._welcomed:
            self._greet(request.hello)
        if self._report(request):
            return
        if len(request.request_id) > MAX_REQUEST_ID_BYTES:
            raise Ending(Code.BAD_FRAME, "request_id is at most 128 bytes")
        match kind:
            case "register":
                await self._register(request)
            case "load":
                self._dispatcher.load(self._worker, request.load)
            case "drain":
                self._drain()
            case "refresh":
                self._answer(request, accepted=await self._renew(self, request.refresh))
            case _:
                self._handle_other(request, kind)

    def _report(self, request: stream_pb2.ServeRequest) -> bool:
        """Take what a welcomed worker says of an answer; tell whether it is that."""
        take = self._frames.get(request.WhichOneof("frame") or "")
        if take is None or not self._welcomed:
            return False
        take(self._worker, request)
        return True

    def _handle_other(self, request: stream_pb2.ServeRequest, kind: str | None) -> None:
        match kind:
            case "ping":
                self._answer(request, pong=common_pb2.Pong(payload=request.ping.payload))
            case "batch":
                raise Rejection(Code.BAD_FRAME, "a batch holds no batches")
            case "hello":
                pass
            case _:
                raise Rejection(Code.UNKNOWN_TYPE)

    def _greet(self, hello: common_pb2.Hello) -> None:
        """Answer the first frame by Welcome, whatever it is: an empty Hello may be left out."""
        self._welcomed = True
        self._outbox.batching = check_hello(hello)
        self.client = hello.client
        self._outbox.put(stream_pb2.ServeResponse(welcome=self._welcome).SerializeToString())

    async def _register(self, request: stream_pb2.ServeRequest) -> None:
        names = served_names(request.register)
        for name in names:
            authorize(self.identity, Action.SERVE, name)
        if self._worker.draining:
            raise Rejection(Code.DRAINING, "this worker drains")
        await self._answers.attendance.enter(self._worker, request.register)
        await self._answers.movers.bring(self._worker, request.register)
        self._answer(request, registered=stream_pb2.Registered(serves=names))
        self._answers.rooms.leave(self._worker)
        self._dispatcher.register(self._worker, request.register)
        self._answers.rooms.enter(self._worker)

    def _drain(self) -> None:
        self._dispatcher.drain(self._worker)
        self._clean = True
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if self._clean and not self._worker.holding:
            self._duplex.end()

    def _answer(
        self,
        request: stream_pb2.ServeRequest,
        *,
        rejected: common_pb2.Rejected | None = None,
        registered: stream_pb2.Registered | None = None,
        accepted: common_pb2.Accepted | None = None,
        pong: common_pb2.Pong | None = None,
    ) -> None:
        response = stream_pb2.ServeResponse(
            request_id=request.request_id,
            stream_id=request.stream_id,
            attempt=request.attempt,
            rejected=rejected,
            registered=registered,
            accepted=accepted,
            pong=pong,
        )
        self._outbox.put(response.SerializeToString())


def _batch(frames: list[bytes]) -> bytes:
    return frames_pb2.ServeResponse(batch=frames_pb2.Batch(frames=frames)).SerializeToString()


def _nothing(frame: Frame) -> None:
    raise NotImplementedError  # workers follow nothing
