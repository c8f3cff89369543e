"""A Connect session with the client that reads it, on the real parts of a node."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from blackroad.core.channel.connect import ConnectSession
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.parts import Parts
from blackroad.core.channel.rules import Rules
from blackroad.core.channel.start import Starter
from blackroad.core.clock import SystemClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.hub.group import Groups
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.development import developer_service
from blackroad.core.identity.expiry import Expiry
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.peer import Peers
from blackroad.core.identity.renewal import Renewal
from blackroad.core.log.entry import Positions
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.publisher import Publisher
from blackroad.core.settings import AuthSettings
from blackroad.core.ticker import Ticker
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2

Request = channel_pb2.ConnectRequest

Response = channel_pb2.ConnectResponse


class NoAnswers:
    """A node on which nobody has invoked anything."""

    async def snapshot(
        self, identity: Identity, key: str
    ) -> tuple[event_pb2.AnswerSnapshot, Positions]:
        raise Rejection(Code.NOT_FOUND)

    def viewer_joined(self, key: str, session_id: str) -> None:
        raise AssertionError("nobody views an answer here")

    viewer_left = viewer_joined


class Node:
    """The parts that a session stands on, running."""

    def __init__(self, partitions: int = 1, log: MemoryLog | None = None) -> None:
        clock = SystemClock()
        self.log = log or MemoryLog(MemoryLogSettings(partitions=partitions), clock)
        self.hub = Hub(self.log)
        self.directory = Directory(Rules({}))
        self.hub.is_private = self.directory.is_private
        self.hub.control = self.directory.apply
        self.publisher = Publisher(self.log, self.directory, clock)
        self.occupants = Occupants(self.log, self.publisher, self.directory, clock)
        starter = Starter(self.hub, self.directory, NoAnswers())
        self.parts = Parts(self.hub, self.directory, self.occupants, starter, NoAnswers())
        self.groups = Groups(self.hub)
        self.ticker = Ticker()
        self.renew = Renewal(Peers(AuthSettings()), Expiry(clock)).renew

    async def publish(self, channel: str, text: str = "hi") -> int:
        """Publish one event and return its offset."""
        request = channel_pb2.PublishRequest(channel=channel, events=[event_pb2.Draft(text=text)])
        response = await self.publisher.publish(developer_service(), "", request)
        return response.events[0].offset


@dataclass
class Client:
    """The client's side of a session: it sends frames, and reads while `reading` is set."""

    frames: list[Response] = field(default_factory=list)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    requests: asyncio.Queue[Request | None] = field(default_factory=asyncio.Queue)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, message: bytes) -> None:
        await self.reading.wait()
        response = Response.FromString(message)
        self.frames.extend(response.batch.frames or [response])
        self.changed.set()

    async def sent(self) -> AsyncIterator[Request]:
        while (request := await self.requests.get()) is not None:
            yield request

    def send(self, **frame: object) -> None:
        self.requests.put_nowait(Request(**frame))  # type: ignore[arg-type]  # one arm by its name

    def kinds(self) -> list[str | None]:
        return [frame.WhichOneof("frame") for frame in self.frames]

    async def until(self, kind: str, count: int = 1) -> Response:
        """Return the frame of this kind that makes `count` of them."""
        async with asyncio.timeout(20):
            while len(found := [f for f in self.frames if f.WhichOneof("frame") == kind]) < count:
                self.changed.clear()
                await self.changed.wait()
        return found[count - 1]

    def events(self) -> list[event_pb2.Event]:
        return [event for frame in self.frames for event in frame.delivery.events]


@asynccontextmanager
async def connected(
    node: Node, identity: Identity | None = None, *, batch: bool = True
) -> AsyncGenerator[Client]:
    client = Client()
    client.reading.set()
    session = ConnectSession(
        identity or developer_service(),
        client,
        node.parts,
        node.groups,
        node.publisher,
        node.ticker,
        node="n1",
        development=True,
        connected_ns=0,
        renew=node.renew,
    )
    if batch:
        client.send(hello=common_pb2.Hello(features=["batch"]))
    running = asyncio.ensure_future(session.run(client.sent()))
    try:
        yield client
    finally:
        running.cancel()
        await asyncio.wait([running])


@asynccontextmanager
async def a_node(partitions: int = 1, log: MemoryLog | None = None) -> AsyncGenerator[Node]:
    node = Node(partitions, log)
    running = [asyncio.ensure_future(part.run()) for part in (node.hub, node.occupants)]
    try:
        yield node
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


def subscribe(channel: str, **start: object) -> channel_pb2.Subscribe:
    return channel_pb2.Subscribe(channel=channel, **start)  # type: ignore[arg-type]  # by name
