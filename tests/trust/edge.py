"""An edge before the core with keys, and what one identity is told at each of its doors."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final, Self
from urllib.parse import quote

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from blackroad.edge.server import Edge
from blackroad.edge.settings import Address, EdgeLimits, EdgeSettings
from tests.core.access.world import token
from tests.edge.rig import an_object, running
from tests.plain import TRUSTS_NOBODY
from tests.trust.house import House

SECONDS: Final = 10.0
DENIED: Final = frozenset({"forbidden", "not_member", "unauthenticated"})
_numbers = itertools.count(1)


class Browser:
    """One identity that comes to an edge by each of its doors."""

    def __init__(self, address: str, shown: str, subject: str) -> None:
        self._address = address
        self._shown = shown
        self._subject = subject
        headers = {"authorization": f"Bearer {shown}"} if shown else {}
        self.http = httpx.AsyncClient(
            base_url=f"http://{address}", headers=headers, timeout=10, verify=TRUSTS_NOBODY
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    @asynccontextmanager
    async def socket(self, path: str = "") -> AsyncGenerator[ClientConnection]:
        """Open a WebSocket: `/ws/{client_id}`, or another path."""
        url = f"ws://{self._address}{path or f'/ws/{self._subject}'}"
        offered = [f"bearer.{self._shown}", "blackroad.v1"] if self._shown else ["blackroad.v1"]
        async with connect(url, subprotocols=[*map(Subprotocol, offered)]) as socket:
            yield socket

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Make a request; return the code of its refusal, or nothing. Streams are left at once."""
        content = None if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        async with self.http.stream(method, path, content=content, headers=sent) as answer:
            if answer.status_code < 400:
                return ""
            document = an_object(json.loads(await answer.aread()))
        error = document.get("error", document)
        return str(an_object(error)["code"])

    async def follow(self, channel: str) -> str:
        """Follow a channel by server-sent events; return the code of the refusal, or nothing."""
        return await self.ask("GET", f"/events/{self._subject}?channels={quote(channel)}")


async def told(socket: ClientConnection, frame: Mapping[str, object]) -> str:
    """Say a frame, and one that the core refuses; return the code of the error for the first.

    Nothing is returned where there is none before the answer to the second.
    """
    number = str(next(_numbers))
    after = {"type": "cancel", "stream_id": "st_none", "id": f"after {number}"}
    with suppress(ConnectionClosed):  # what it has said before is still read
        for each in ({**frame, "id": number}, after):
            await socket.send(json.dumps(each))
    refused = ""
    async with asyncio.timeout(SECONDS):
        while True:
            heard = an_object(json.loads(await socket.recv()))
            if heard["type"] == "closing":
                return str(heard["code"])
            if heard.get("id") == number and heard["type"] == "error":
                refused = str(heard["code"])
            if heard.get("id") == after["id"]:
                return refused


@asynccontextmanager
async def edge_of(here: House) -> AsyncGenerator[str]:
    """Run an edge of this core; give its address."""
    settings = EdgeSettings(
        http=Address(port=0),
        core=(here.core.address,),
        token=token("edge", {}, kind="gateway"),
        limits=EdgeLimits(drain_seconds=0.1),
    )
    async with running(Edge(settings)) as rig:
        await rig.edge.context.trunk.link()
        yield rig.address
