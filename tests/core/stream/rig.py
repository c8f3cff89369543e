"""A real server with the stream's doors, and peers that speak to it as any client does."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final, cast

import grpc

from blackroad.core.channel.directory import Directory
from blackroad.core.channel.rules import Rules
from blackroad.core.clock import SystemClock
from blackroad.core.door.counts import CallCollector
from blackroad.core.door.guard import GuardedServer
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.expiry import Expiry
from blackroad.core.identity.peer import Peers
from blackroad.core.identity.renewal import Renewal
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.presence.roster import Roster
from blackroad.core.publisher import Publisher
from blackroad.core.sessions import Session, Sessions
from blackroad.core.settings import AnswersSettings, AuthSettings
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.answers import Answers
from blackroad.core.stream.service import StreamServicer
from blackroad.core.stream.worker import Worker as Held
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2, stream_pb2_grpc

if TYPE_CHECKING:
    from blackroad.core.node import Node
    from blackroad.realtime.v1.stream_pb2_grpc import StreamServiceStub as AsyncStub

TIMEOUT: Final = 10.0
BATCHES: Final = common_pb2.Hello(features=["batch"])


class Parts:
    """The parts of a node that the stream's doors stand on."""

    def __init__(self, settings: AnswersSettings, log: MemoryLogSettings) -> None:
        self.name = "rig"
        self.development = True
        self.clock = SystemClock()
        self.log = MemoryLog(log, self.clock)
        self.hub = Hub(self.log)
        self.directory = Directory(Rules({}))
        self.publisher = Publisher(self.log, self.directory, self.clock)
        self.roster = Roster(self.log, self.publisher, self.clock, self.name)
        self.sessions = Sessions()
        self.peers = Peers(AuthSettings())
        self.renew = Renewal(self.peers, Expiry(self.clock)).renew
        self.answers = Answers(
            self.log, self.hub, self.publisher, self.directory, self.roster, self.clock, settings
        )

    @contextmanager
    def present(self, session: Session) -> Generator[None]:
        self.sessions.add(session)
        try:
            yield
        finally:
            self.sessions.remove(session)


class Rig:
    """A running server."""

    def __init__(self, parts: Parts, address: str) -> None:
        self.parts = parts
        self.address = address

    def answer(self, stream_id: str) -> Answer:
        """Return an answer as the node has it."""
        answer = self.parts.answers.archive.find(f"default.stream.{stream_id}")
        assert answer is not None
        return answer

    def workers(self) -> list[Held]:
        """Return all workers as the node has them."""
        serving = self.parts.answers.dispatcher.pool.all()
        return list(serving)

    def held(self) -> list[str]:
        """Return the agents of workers that hold something."""
        return [worker.agent for worker in self.workers() if worker.holding]

    @asynccontextmanager
    async def caller(self, *, batches: bool = True) -> AsyncGenerator["Caller"]:
        """Open a session of `Open`."""
        async with self.stub() as stub:
            caller = Caller(stub)
            if batches:
                await caller.call.write(stream_pb2.OpenRequest(hello=BATCHES))
            async with caller.reading():
                yield caller

    @asynccontextmanager
    async def worker(self, register: stream_pb2.Register) -> AsyncGenerator["Worker"]:
        """Open a session of `Serve`, and register."""
        async with self.stub() as stub:
            worker = Worker(stub)
            await worker.call.write(stream_pb2.ServeRequest(hello=BATCHES))
            async with worker.reading():
                await worker.send(register=register)
                await worker.next("registered")
                yield worker

    async def published(self, name: str, count: int) -> list[event_pb2.Event]:
        """Return the events of a channel's history once there are so many."""
        key = f"default.{name}"
        async with asyncio.timeout(TIMEOUT):
            while True:
                page = await self.parts.log.history(key, 100)
                if len(page.entries) >= count:
                    return [entry.event for entry in page.entries]
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def workers_named(self, names: list[str]) -> AsyncGenerator[list["Worker"]]:
        """Open a session of `Serve` for each agent."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.worker(agent(name))) for name in names]

    async def viewed(self, stream_id: str, sessions: int) -> None:
        """Return when so many sessions view an answer."""
        await until(lambda: self.answer(stream_id).viewers_count == sessions)

    def slowest(self) -> int:
        """Return the most bytes that wait for one session."""
        return max(session.queued_bytes for session in self.parts.sessions.all())

    @asynccontextmanager
    async def stub(self) -> AsyncGenerator["AsyncStub"]:
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(self.address, options=options) as channel:
            yield stream_pb2_grpc.StreamServiceStub(channel)


class Caller:
    """Reads all frames of one `Open` stream, by request."""

    def __init__(self, stub: "AsyncStub") -> None:
        self.call = stub.Open()
        self.frames: list[stream_pb2.OpenResponse] = []
        self.taken: dict[str, int] = {}
        self.done = False
        self.batches = 0
        self._by_request: dict[str, list[stream_pb2.OpenResponse]] = {}
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read())
            try:
                yield
            finally:
                self.call.cancel()
                reading.cancel()

    async def start(
        self, request_id: str, target: str = "ECHO", text: str = "hi", **more: object
    ) -> None:
        invoke = stream_pb2.Invoke(target=stream_pb2.Target(agent=target), text=text, **more)  # type: ignore[arg-type]  # fields by name
        await self.call.write(stream_pb2.OpenRequest(request_id=request_id, start=invoke))

    async def invoke(self, request_id: str, invoke: stream_pb2.Invoke) -> None:
        await self.call.write(stream_pb2.OpenRequest(request_id=request_id, start=invoke))

    async def join(self, request_id: str, stream_id: str, cursor: str = "") -> None:
        join = stream_pb2.JoinAnswer(stream_id=stream_id, cursor=cursor)
        await self.call.write(stream_pb2.OpenRequest(request_id=request_id, join=join))

    async def cancel(self, stream_id: str, request_id: str = "cancel") -> None:
        cancel = stream_pb2.CancelAnswer(stream_id=stream_id)
        await self.call.write(stream_pb2.OpenRequest(request_id=request_id, cancel=cancel))

    async def next(self, request_id: str, kind: str = "") -> stream_pb2.OpenResponse:
        """Return the request's next frame (of a kind: the frames before it are skipped)."""
        while True:
            frame = await self._next(request_id)
            if not kind or frame.WhichOneof("frame") == kind:
                return frame

    async def ending(self, request_id: str) -> stream_pb2.OpenResponse:
        """Return the request's ending."""
        while True:
            frame = await self._next(request_id)
            if frame.WhichOneof("frame") in ("finished", "failed", "cancelled"):
                return frame

    async def over(self) -> None:
        """Return when the stream has ended."""
        async with asyncio.timeout(TIMEOUT), self._changed:
            await self._changed.wait_for(lambda: self.done)

    async def many(self, request_id: str, frames: int) -> None:
        """Return when a request has more than so many frames."""
        await until(lambda: len(self.of(request_id)) > frames)

    def of(self, request_id: str) -> list[stream_pb2.OpenResponse]:
        """Return all frames of a request so far."""
        return self._by_request.get(request_id, [])

    def kinds(self, request_id: str) -> list[str]:
        """Return the kinds of all frames of a request so far."""
        return [str(frame.WhichOneof("frame")) for frame in self.of(request_id)]

    def text(self, request_id: str) -> str:
        """Return the text of a request so far: the last snapshot's, and what came since."""
        text = ""
        for frame in self.of(request_id):
            if frame.HasField("snapshot"):
                text = "".join(part.text for part in frame.snapshot.parts)
            text += "".join(event.answer.text_delta for event in frame.delivery.events)
        return text

    async def _next(self, request_id: str) -> stream_pb2.OpenResponse:
        taken = self.taken.get(request_id, 0)
        async with asyncio.timeout(TIMEOUT), self._changed:
            await self._changed.wait_for(lambda: len(self.of(request_id)) > taken or self.done)
        frames = self.of(request_id)
        assert len(frames) > taken, f"the stream ended: {[str(f) for f in self.frames[-3:]]}"
        self.taken[request_id] = taken + 1
        return frames[taken]

    async def _read(self) -> None:
        while True:
            try:
                frame = await self.call.read()
            except grpc.aio.AioRpcError:
                frame = grpc.aio.EOF
            async with self._changed:
                if isinstance(frame, stream_pb2.OpenResponse):
                    self.batches += frame.HasField("batch")
                    fresh = list(frame.batch.frames) if frame.HasField("batch") else [frame]
                    self.frames += fresh
                    for one in fresh:
                        self._by_request.setdefault(one.request_id, []).append(one)
                else:
                    self.done = True
                self._changed.notify_all()
            if self.done:
                return


class Worker:
    """One `Serve` stream. What comes is queued by kind."""

    def __init__(self, stub: "AsyncStub") -> None:
        self.call = stub.Serve()
        self.frames: asyncio.Queue[stream_pb2.ServeResponse] = asyncio.Queue()
        self.held: list[stream_pb2.ServeResponse] = []
        self.done = asyncio.Event()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read())
            try:
                yield
            finally:
                self.call.cancel()
                reading.cancel()

    async def send(self, about: stream_pb2.ServeResponse | None = None, **frame: object) -> None:
        """Send a frame, about an invocation where one is given."""
        request = stream_pb2.ServeRequest(**frame)  # type: ignore[arg-type]  # one arm by its name
        if about is not None:
            request.stream_id, request.attempt = about.stream_id, about.attempt
        await self.call.write(request)

    async def say(self, about: stream_pb2.ServeResponse, *words: str, first: int = 1) -> None:
        """Send words as chunks."""
        for index, word in enumerate(words, first):
            await self.send(about, chunk=stream_pb2.Chunk(index=index, text=word))

    async def finish(self, about: stream_pb2.ServeResponse, output_tokens: int = 0) -> None:
        usage = event_pb2.Usage(output_tokens=output_tokens)
        await self.send(about, finish=stream_pb2.FinishInvocation(usage=usage))

    async def next(self, kind: str = "invocation") -> stream_pb2.ServeResponse:
        """Return the next frame of a kind; others are kept for later."""
        for number, frame in enumerate(self.held):
            if frame.WhichOneof("frame") == kind:
                return self.held.pop(number)
        async with asyncio.timeout(TIMEOUT):
            while True:
                frame = await self.frames.get()
                if frame.WhichOneof("frame") == kind:
                    return frame
                self.held.append(frame)

    async def echo(self) -> None:
        """Answer every invocation by its last text, until cancelled."""
        while True:
            work = await self.frames.get()
            if work.HasField("invocation"):
                await self.say(work, work.invocation.messages[-1].parts[0].text)
                await self.finish(work, 1)

    async def _read(self) -> None:
        while True:
            try:
                frame = await self.call.read()
            except grpc.aio.AioRpcError:
                break
            if not isinstance(frame, stream_pb2.ServeResponse):
                break
            for one in frame.batch.frames if frame.HasField("batch") else [frame]:
                self.frames.put_nowait(one)
        self.done.set()


@asynccontextmanager
async def rig(
    settings: AnswersSettings | None = None, log: MemoryLogSettings | None = None
) -> AsyncGenerator[Rig]:
    """Serve the stream's doors on a free port."""
    parts = Parts(settings or AnswersSettings(), log or MemoryLogSettings())
    options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 6 << 20)]
    server = grpc.aio.server(options=options)
    guarded = GuardedServer(server, parts.peers.caller, CallCollector())
    servicer = StreamServicer(cast("Node", parts))
    stream_pb2_grpc.add_StreamServiceServicer_to_server(servicer, guarded)
    port = guarded.add_insecure_port("127.0.0.1:0")
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(part.run()) for part in (parts.hub, parts.roster, parts.answers)
        ]
        await guarded.start()
        try:
            yield Rig(parts, f"127.0.0.1:{port}")
        finally:
            await guarded.stop(None)
            for task in running:
                task.cancel()


def agent(name: str = "ECHO", max_concurrency: int = 1, **more: object) -> stream_pb2.Register:
    """Return the registration of an agent."""
    return stream_pb2.Register(agent=name, max_concurrency=max_concurrency, **more)  # type: ignore[arg-type]  # fields by name


async def until(holds: Callable[[], bool]) -> None:
    """Return when a condition holds; look after every turn of the loop."""
    async with asyncio.timeout(TIMEOUT):
        while not holds():  # noqa: ASYNC110 (what is waited for is the server's affair)
            await asyncio.sleep(0.005)
