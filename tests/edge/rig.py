"""A whole edge in the test's own loop, and the clients that browsers and curl are."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import httpx
from websockets.asyncio.client import ClientConnection, connect

from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from blackroad.edge.server import Edge
from blackroad.edge.settings import Address, EdgeLimits, EdgeSettings
from tests.plain import TRUSTS_NOBODY

Frame = dict[str, object]
SECONDS = 20.0


def an_object(value: object) -> Frame:
    """Return a JSON object."""
    assert isinstance(value, dict)
    return cast("Frame", value)


@asynccontextmanager
async def running_core(address: str = "127.0.0.1:0") -> AsyncGenerator[str]:
    """Run a core in development; give its address."""
    settings = CoreSettings(grpc=address, drain_seconds=0.1)
    async with CoreServer(settings).open() as addresses:
        yield addresses["grpc"]


@asynccontextmanager
async def running_edge(*cores: str, **limits: float) -> AsyncGenerator["EdgeRig"]:
    """Run an edge on a free port; drain it in the end."""
    limited = EdgeLimits.model_validate({"drain_seconds": 0.1, **limits})
    settings = EdgeSettings(http=Address(port=0), core=cores, limits=limited)
    async with running(Edge(settings)) as rig:
        yield rig


@asynccontextmanager
async def running(edge: Edge) -> AsyncGenerator["EdgeRig"]:
    """Run an edge; drain it in the end."""
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(edge.serve(address.set_result))
        try:
            yield EdgeRig(edge, await address)
        finally:
            edge.drain()


@dataclass
class EdgeRig:
    """A running edge and how to reach it."""

    edge: Edge
    address: str

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def http(self) -> httpx.AsyncClient:
        """Return a client whose base is this edge."""
        return httpx.AsyncClient(base_url=self.url, timeout=SECONDS, verify=TRUSTS_NOBODY)

    @asynccontextmanager
    async def browser(self, client_id: str, path: str = "/ws/") -> AsyncGenerator["Browser"]:
        """Open a WebSocket; the first frame is read into `welcome`."""
        async with connect(f"ws://{self.address}{path}{client_id}") as socket:
            browser = Browser(socket)
            if path == "/ws/":
                browser.welcome = await browser.next()
            yield browser

    @asynccontextmanager
    async def events(self, path: str, **headers: str) -> AsyncGenerator[AsyncIterator["Block"]]:
        """Open a stream of server-sent events."""
        async with (
            self.http() as http,
            http.stream("GET", path, headers=headers) as response,
        ):
            assert response.status_code == 200, await response.aread()
            yield blocks(response)


@dataclass
class Browser:
    """A WebSocket client that can look for a frame among others."""

    socket: ClientConnection
    welcome: Frame = field(default_factory=dict)
    passed: list[Frame] = field(default_factory=list)
    unread: deque[Frame] = field(default_factory=deque)

    async def say(self, kind: str | None = None, /, **fields: object) -> None:
        """Send a frame."""
        frame = {"type": kind, **fields} if kind else fields
        await self.socket.send(json.dumps(frame))

    async def next(self) -> Frame:
        """Return the next frame."""
        if self.unread:
            return self.unread.popleft()
        async with asyncio.timeout(SECONDS):
            frame = an_object(json.loads(await self.socket.recv()))
        self.passed.append(frame)
        return frame

    async def find(self, kind: str, **fields: object) -> Frame:
        """Return the next frame of a type and with these fields; others are passed."""
        while True:
            frame = await self.next()
            if frame.get("type") == kind and fields.items() <= frame.items():
                return frame

    async def follow(self, room: str, **fields: object) -> Frame:
        """Subscribe and wait until it is live; return the `subscribed`."""
        await self.say("subscribe", room=room, **fields)
        subscribed = await self.find("subscribed", room=room)
        await self.find("caught_up", room=room)
        return subscribed

    async def publish(self, room: str, content: object, **fields: object) -> Frame:
        """Publish a message and wait for the acknowledgement; what comes before it is kept."""
        await self.say("message", room=room, content=content, id="pub", **fields)
        before: list[Frame] = []
        while (frame := await self.next()).get("type") != "published" or frame.get("id") != "pub":
            before.append(frame)
        self.unread.extend(before)
        return frame


@dataclass
class Block:
    """One block of a stream of events; `data` is parsed."""

    event: str = ""
    id: str = ""
    retry: str = ""
    data: object = None

    @property
    def fields(self) -> Frame:
        """The data, which is an object."""
        return an_object(self.data)


async def blocks(response: httpx.Response) -> AsyncIterator[Block]:
    """Yield the blocks of a response, comments left out."""
    block, filled = Block(), False
    async for line in response.aiter_lines():
        if not line:
            if filled:
                yield block
            block, filled = Block(), False
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            setattr(block, name, json.loads(value) if name == "data" else value)
            filled = True


async def next_event(events: AsyncIterator[Block], name: str | None = None) -> Block:
    """Return the next block with data, of a name where one is given."""
    async with asyncio.timeout(SECONDS):
        async for block in events:
            if block.data is not None and (name is None or block.event == name):
                return block
    raise AssertionError("the stream has ended")


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.005)
