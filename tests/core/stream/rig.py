"""A real server with the stream's doors, and peers that speak to it as any client does."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, cast

import grpc

from blackroad.core.channel.directory import Directory
from blackroad.core.channel.rules import Rules
from blackroad.core.clock import SystemClock
from blackroad.core.door.counts import CallCollector
from blackroad.core.door.guarded import GuardedServer
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
from blackroad.realtime.v1 import event_pb2, stream_pb2, stream_pb2_grpc
from tests.core.stream.peers import BATCHES, TIMEOUT, Caller, Worker, agent, until

if TYPE_CHECKING:
    from blackroad.core.node import Node
    from blackroad.realtime.v1.stream_pb2_grpc import StreamServiceStub as AsyncStub


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
