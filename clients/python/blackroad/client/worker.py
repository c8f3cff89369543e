"""A worker on one `Serve` stream: takes invocations up to its bound, and gives them to an agent."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from blackroad.client.call import Call
from blackroad.client.client import Client
from blackroad.client.codes import from_rejected
from blackroad.client.errors import RealtimeError
from blackroad.client.event import JSONValue, to_json
from blackroad.client.job import Answerer, Job
from blackroad.client.journal import Journal
from blackroad.client.link import Link
from blackroad.client.wire import SERVE
from blackroad.realtime.v1 import common_pb2, stream_pb2

DRAIN_SECONDS: Final = 30.0
# After the last answer: how long the core may take to end the stream.
_GOODBYE_SECONDS: Final = 5.0
_REGISTER: Final = "register"

log = logging.getLogger("blackroad.client")


@dataclass(frozen=True, slots=True)
class Registration:
    """What a worker serves; `agent` is empty for one that serves models only."""

    agent: str
    capabilities: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    max_concurrency: int = 1
    metadata: JSONValue = None
    publish_thinking: bool = False
    model: str = ""

    @property
    def name(self) -> str:
        """What to call it in a log."""
        return self.agent or ", ".join(self.models)


class Worker:
    """Registers, works, and registers again wherever the connection was lost.

    What runs goes on without a core: up to 1 MiB of it is queued, then the agents wait.
    """

    def __init__(
        self,
        client: Client,
        registration: Registration,
        answerer: Answerer,
        ready: Callable[[], None] | None = None,
    ) -> None:
        self._client = client
        self._registration = registration
        self._answerer = answerer
        self._ready = ready
        self._journal = Journal(_ping)
        self._link = Link(client.dial, SERVE, self, self._journal)
        self._jobs: dict[str, Job] = {}
        # Those that have ended, with the number of their last frame: as long as it may be lost.
        self._ended: deque[tuple[int, stream_pb2.ResumedInvocation]] = deque()
        self._tasks: asyncio.TaskGroup | None = None
        self._asked_to_drain = asyncio.Event()
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._refused: RealtimeError | None = None

    async def serve(self) -> None:
        """Work until drained. Raises Forbidden or Unauthenticated where it may not serve."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            drain = tasks.create_task(self._drain_when_asked())
            over = await self._link.run()
            drain.cancel()
            for job in self._jobs.values():
                job.drop()
        if self._refused or over:
            raise self._refused or over or AssertionError

    def drain(self) -> None:
        """Take nothing more, finish what runs (for 30 s at most), then end. Idempotent."""
        self._asked_to_drain.set()

    def register(self, registration: Registration) -> None:
        """Serve this from now on; what runs goes on. A bound on what runs stays as it was."""
        self._registration = registration
        if self._link.standing and not self._draining:
            self._journal.append(_register(registration, ()))

    async def _drain_when_asked(self) -> None:
        await self._asked_to_drain.wait()
        # 1. Tell the core. 2. Finish what runs. 3. Let the core end the stream. 4. Hang up.
        self._draining = True
        if self._link.standing:
            self._journal.append(_drain())
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._idle.wait()
            self._link.leave()
            await asyncio.sleep(_GOODBYE_SECONDS if self._link.standing else 0)
        except TimeoutError:
            log.warning("%s: drained with answers in progress", self._registration.name)
        self._link.hang_up()

    async def send(self, frame: stream_pb2.ServeRequest) -> None:
        """Queue a frame of an invocation; waits while the queue is full."""
        if self._journal.full:
            await self._journal.space()
        self._journal.append(frame.SerializeToString())

    # The link's peer.

    def received(self, frame: stream_pb2.ServeResponse) -> None:
        """Take one frame or batch."""
        match frame.WhichOneof("frame"):
            case "invocation":
                self._invoked(frame)
            case "batch":
                for each in frame.batch.frames:
                    self.received(each)
            case "cancel":
                job = self._job(frame)
                if job is not None:
                    job.cancel()
            case "input":
                job = self._job(frame)
                if job is not None:
                    job.call.take_input(frame.input)
            case "superseded":
                job = self._job(frame)
                if job is not None:
                    job.drop()
            case _:
                self._received_word(frame)

    def _received_word(self, frame: stream_pb2.ServeResponse) -> None:
        """Take a frame about the session."""
        match frame.WhichOneof("frame"):
            case "welcome":
                self._link.welcomed(frame.welcome)
            case "registered":
                self._registered(frame.registered)
            case "rejected":
                self._rejected(frame)
            case "pong":
                self._journal.pong(int.from_bytes(frame.pong.payload))
            case "draining":
                after = frame.draining.retry_after.ToTimedelta().total_seconds()
                self._link.retry_after(after)
            case "closing":
                self._link.closing(frame.closing)
            case _:
                # Accepted, and what is newer than this SDK.
                return

    def opened(self) -> None:
        """Register first, with what runs or may not have arrived; then send that again."""
        self._journal.begin(self._register())
        if self._draining:
            self._journal.append(_drain())

    def lost(self, error: RealtimeError) -> None:
        """Go on working; what comes of it is queued."""

    def _register(self) -> bytes:
        self._forget_ended()
        running = [_resumed(job) for job in self._jobs.values()]
        return _register(self._registration, [*(ended for _, ended in self._ended), *running])

    def _registered(self, registered: stream_pb2.Registered) -> None:
        log.info("%s serves %s", self._registration.name, ", ".join(registered.serves))
        if self._ready is not None:
            ready, self._ready = self._ready, None
            ready()

    def _rejected(self, frame: stream_pb2.ServeResponse) -> None:
        error = from_rejected(frame.rejected)
        if frame.request_id != _REGISTER:
            log.warning("%s: the core rejected a frame: %s", self._registration.name, error)
        elif error.retryable:
            log.warning("%s: not registered yet: %s", self._registration.name, error)
            loop = asyncio.get_running_loop()
            loop.call_later(error.retry_after_seconds or 1.0, self._register_again)
        else:
            self._refused = error
            self._link.hang_up()

    def _register_again(self) -> None:
        if self._link.standing:
            self._journal.append(self._register())

    def _job(self, frame: stream_pb2.ServeResponse) -> Job | None:
        """Return the job that a frame is about, unless it is about another attempt."""
        job = self._jobs.get(frame.stream_id)
        return job if job is not None and job.call.attempt == frame.attempt else None

    def _invoked(self, frame: stream_pb2.ServeResponse) -> None:
        """Begin an invocation, or refuse the one too many."""
        assert self._tasks is not None  # noqa: S101 - frames come only while it serves
        earlier = self._jobs.pop(frame.stream_id, None)
        if earlier is not None:
            earlier.drop()
        if self._draining or len(self._jobs) >= self._registration.max_concurrency:
            self._journal.append(_refuse(frame))
            return
        call = Call(frame.stream_id, frame.attempt, frame.invocation, self, self._client)
        job = self._jobs[frame.stream_id] = Job(call, self, self._answerer)
        self._idle.clear()
        job.task = self._tasks.create_task(self._work(job), name=frame.stream_id)

    async def _work(self, job: Job) -> None:
        try:
            await job.run()
        finally:
            if self._jobs.get(job.call.stream_id) is job:
                del self._jobs[job.call.stream_id]
                self._forget_ended()
                self._ended.append((self._journal.last, _resumed(job)))
            if not self._jobs:
                self._idle.set()

    def _forget_ended(self) -> None:
        while self._ended and self._ended[0][0] <= self._journal.forgotten:
            self._ended.popleft()


def _register(wanted: Registration, resumed: Sequence[stream_pb2.ResumedInvocation]) -> bytes:
    """Return the frame that registers; `resumed` only on a stream that does not know them yet."""
    register = stream_pb2.Register(
        agent=wanted.agent,
        capabilities=wanted.capabilities,
        models=wanted.models,
        max_concurrency=wanted.max_concurrency,
        metadata_json="" if wanted.metadata is None else to_json(wanted.metadata),
        publish_thinking=wanted.publish_thinking,
        model=wanted.model,
        resumed=resumed,
    )
    return stream_pb2.ServeRequest(request_id=_REGISTER, register=register).SerializeToString()


def _resumed(job: Job) -> stream_pb2.ResumedInvocation:
    return stream_pb2.ResumedInvocation(stream_id=job.call.stream_id, attempt=job.call.attempt)


def _ping(count: int) -> bytes:
    ping = common_pb2.Ping(payload=count.to_bytes(8))
    return stream_pb2.ServeRequest(ping=ping).SerializeToString()


def _drain() -> bytes:
    return stream_pb2.ServeRequest(drain=stream_pb2.Drain()).SerializeToString()


def _refuse(frame: stream_pb2.ServeResponse) -> bytes:
    refuse = stream_pb2.RefuseInvocation(reason="busy")
    refused = stream_pb2.ServeRequest(
        stream_id=frame.stream_id, attempt=frame.attempt, refuse=refuse
    )
    return refused.SerializeToString()
