"""One running installation, and a browser's, an agent's and curl's way into it."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import jwt
import pytest
from websockets.asyncio.client import connect

from blackroad.client import Agent, Client
from blackroad.core.identity import development
from tests.edge.rig import SECONDS, Block, Browser, blocks
from tests.plain import TRUSTS_NOBODY
from tests.processes import up


@dataclass(frozen=True, slots=True)
class House:
    """Where everything is that `blackroad up` started."""

    address: str
    grpc: str

    def http(self) -> httpx.AsyncClient:
        """Return a client whose base is the edge."""
        return httpx.AsyncClient(
            base_url=f"http://{self.address}", timeout=SECONDS, verify=TRUSTS_NOBODY
        )

    def client(self, token: str | None = None) -> Client:
        """Return a gRPC client."""
        return Client(f"grpc://{self.grpc}", token)

    @asynccontextmanager
    async def browser(self, client_id: str, token: str = "") -> AsyncGenerator[Browser]:
        """Open a WebSocket; its welcome is read."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"ws://{self.address}/ws/{client_id}"
        async with connect(url, additional_headers=headers) as socket:
            browser = Browser(socket)
            browser.welcome = await browser.next()
            assert browser.welcome["type"] == "welcome", browser.welcome
            yield browser

    @asynccontextmanager
    async def chat(self) -> AsyncGenerator[Browser]:
        """Open the chat's WebSocket."""
        async with connect(f"ws://{self.address}/v1/chat/ws") as socket:
            yield Browser(socket)

    @asynccontextmanager
    async def events(self, path: str) -> AsyncGenerator[AsyncIterator[Block]]:
        """Open a stream of server-sent events; `connected` has come."""
        async with self.http() as http, http.stream("GET", path) as response:
            assert response.status_code == 200, await response.aread()
            stream = blocks(response)
            async with asyncio.timeout(SECONDS):
                async for block in stream:
                    if block.event == "connected":
                        break
            yield stream

    @asynccontextmanager
    async def serving(self, agent: Agent) -> AsyncGenerator[None]:
        """Let an agent serve; it is registered."""
        ready = asyncio.Event()
        async with self.client() as client, asyncio.TaskGroup() as tasks:
            tasks.create_task(agent.serve(client=client, ready=ready.set))
            async with asyncio.timeout(SECONDS):
                await ready.wait()
            try:
                yield
            finally:
                agent.drain()

    def token(self, subject: str, *grants: tuple[str, str], kind: str = "user") -> str:
        """Return a token; a grant is a pattern and its actions with blanks between them."""
        now = int(time.time())
        claims = {
            "sub": subject,
            "kind": kind,
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + 600,
            "grants": [{"pattern": name, "actions": actions.split()} for name, actions in grants],
        }
        return jwt.encode(claims, development.SECRET, algorithm="HS256")


@pytest.fixture(scope="session")
def house(one_loop: None) -> Generator[House]:
    """Give everything that `blackroad up` starts."""
    del one_loop
    with up() as started:
        yield House(started.http, started.grpc)
        assert started.process.terminate() == 0
