"""The SSE door with REST beside it, driven by httpx."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote

import httpx
import msgspec

from tests.conformance.document import Document, ours
from tests.conformance.doors import Inbox, View, soon
from tests.conformance.records import (
    CaughtUp,
    Closed,
    Event,
    Gap,
    Lost,
    Published,
    Refused,
    Subscribed,
)
from tests.conformance.sse_frames import (
    Block,
    Chat,
    Page,
    PublishedOne,
    blocks,
    checked,
    refusal,
    update_of,
)
from tests.conformance.websocket_door import FRAMES, event_of
from tests.plain import TRUSTS_NOBODY

ALWAYS: Final = ("broadcast",)
DEVELOPER: Final = "developer"


class SseDoor:
    """SSE at an edge, held against the AsyncAPI document; what a client says goes by HTTP."""

    name = "sse"
    several = False

    def __init__(self, http: str, document: Document | None = None) -> None:
        self._http = http
        self._document = document or ours()

    @asynccontextmanager
    async def session(
        self, client_id: str = "visitor", token: str = ""
    ) -> AsyncGenerator["SseSession"]:
        """Make a client; each subscription is a connection of its own."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(
            base_url=f"http://{self._http}",
            headers=headers,
            trust_env=False,
            limits=limits,
            verify=TRUSTS_NOBODY,
            timeout=httpx.Timeout(10, read=40),
        ) as http:
            subject = client_id if token else DEVELOPER
            session = SseSession(http, client_id, subject, self._document)
            try:
                yield session
            finally:
                await session.drop()


class SseSession:
    """One client of HTTP."""

    def __init__(
        self, http: httpx.AsyncClient, client_id: str, subject: str, document: Document
    ) -> None:
        self.http = http
        self._document = document
        self.client_id = client_id
        self.subject = subject
        self.inbox = Inbox()
        self.blocks: list[Block] = []  # everything that came, for who looks closer
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def subscribe(
        self,
        room: str,
        *,
        cursor: str | None = None,
        history: int | None = None,
        presence: bool = False,
    ) -> Subscribed:
        """Connect, and return when it is said. SSE has no `presence`."""
        assert not presence
        asked = {"channels": room, "full": "true", "history": history}
        query = {name: str(value) for name, value in asked.items() if value is not None}
        headers = {} if cursor is None else {"Last-Event-ID": cursor}
        request = self.http.build_request(
            "GET", f"/events/{quote(self.client_id, safe='')}", params=query, headers=headers
        )
        stands: asyncio.Future[Subscribed] = asyncio.get_running_loop().create_future()
        following = self._follow(request, stands, room, cursor is not None or history is not None)
        self._reading[room] = asyncio.create_task(following)
        return await soon(stands)

    async def _follow(
        self,
        request: httpx.Request,
        stands: asyncio.Future[Subscribed],
        room: str,
        catches_up: bool,
    ) -> None:
        response = await self.http.send(request, stream=True)
        code = ""
        try:
            if response.status_code != 200:
                await response.aread()
                stands.set_exception(refusal(response))
                return
            async for block in blocks(response):
                self.blocks.append(block)
                if block.data is not None:
                    self._document.check("events", "send", block.data, block.event)
                if block.event == "connected":
                    stands.set_result(Subscribed(block.id))
                    self.inbox.cursor = block.id
                elif block.event == "closing":
                    code = FRAMES.decode(block.data or "").code
                    if not stands.done():
                        stands.set_exception(Refused(code, retryable=True))
                elif block.data is None and block.id and catches_up:
                    catches_up = False
                    self.inbox.put(CaughtUp(), block.id)
                else:
                    self._take(block, room)
        except httpx.TransportError:
            pass
        finally:
            await response.aclose()
            if not stands.done():
                stands.set_exception(Lost(code))
        self.inbox.put(Closed(code))

    def _take(self, block: Block, room: str) -> None:
        self.inbox.cursor = block.id or self.inbox.cursor
        if block.data is None:
            return
        frame = FRAMES.decode(block.data)
        if block.event == "gap":
            self.inbox.put(Gap(frame.reason))
        elif frame.room not in {*ALWAYS, f"client.{self.client_id}"} or frame.room == room:
            assert frame.type == block.event
            assert frame.cursor == block.id
            self.inbox.put(event_of(frame, block.data.encode()))

    async def unsubscribe(self, room: str) -> None:
        """Close its connection."""
        task = self._reading.pop(room)
        task.cancel()
        await asyncio.wait([task])

    async def publish(
        self, room: str, content: object, *, event: str = "message", key: str = ""
    ) -> Published:
        """Publish by POST."""
        body = {"channel": room, "event": event, "content": content}
        headers = {"Idempotency-Key": key} if key else {}
        response = checked(await self.http.post("/v1/publish", json=body, headers=headers))
        made = msgspec.json.decode(response.content, type=PublishedOne)
        return Published(made.event_id, made.offset, made.duplicate)

    async def history(
        self, room: str, limit: int, *, before: int | None = None, after: int | None = None
    ) -> list[Event]:
        """Read a page by GET."""
        asked = {"limit": limit, "before": before, "after": after}
        query = {name: str(value) for name, value in asked.items() if value is not None}
        response = checked(await self.http.get(f"/v1/channels/{room}/events", params=query))
        page = msgspec.json.decode(response.content, type=Page)
        return [event_of(frame, b"{}") for frame in page.items]

    async def invoke(self, agent: str, text: str) -> View:
        """Ask by POST /v1/chat/stream."""
        body = {"agent": agent, "prompt": text}
        return await self._view(self.http.build_request("POST", "/v1/chat/stream", json=body))

    async def join(self, stream_id: str, cursor: str | None = None) -> View:
        """View by GET."""
        headers = {} if cursor is None else {"Last-Event-ID": cursor}
        address = f"/v1/streams/{stream_id}/events"
        return await self._view(self.http.build_request("GET", address, headers=headers))

    async def _view(self, request: httpx.Request) -> View:
        response = await soon(self.http.send(request, stream=True))
        if response.status_code != 200:
            await response.aread()
            await response.aclose()
            raise refusal(response)
        view = View(response.headers["X-Stream-Id"])
        task = asyncio.create_task(self._read_answer(response, view))
        self._reading[f"{view.stream_id} {len(self._reading)}"] = task
        return view

    async def _read_answer(self, response: httpx.Response, view: View) -> None:
        try:
            async for block in blocks(response):
                self.blocks.append(block)
                if block.data is not None:
                    chat = msgspec.json.decode(block.data, type=Chat)
                    view.put(update_of(chat, block.id))
        finally:
            await response.aclose()

    async def cancel(self, stream_id: str) -> None:
        """Cancel by DELETE."""
        checked(await self.http.delete(f"/v1/streams/{stream_id}"))

    async def drop(self) -> None:
        """Close all connections: SSE knows no goodbye."""
        tasks = list(self._reading.values())
        self._reading.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
