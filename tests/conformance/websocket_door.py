"""The WebSocket door, driven by the `websockets` client."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conformance.document import Document, ours
from tests.conformance.doors import Asked, Inbox, View, soon
from tests.conformance.records import (
    CaughtUp,
    Closed,
    Event,
    Gap,
    Published,
    Refused,
    Subscribed,
    Unsubscribed,
    Update,
)

T = TypeVar("T")
SUBPROTOCOL: Final = "blackroad.v1"


class Usage(Struct):
    input_tokens: int = 0
    output_tokens: int = 0


class Frame(Struct, rename={"sender": "from", "raw": "content"}):
    """Any frame of the server: the fields that scenarios look at."""

    type: str
    id: str = ""
    room: str = ""
    channel_id: str = ""
    cursor: str = ""
    event_id: str = ""
    offset: int = 0
    sender: str = ""
    raw: Raw = msgspec.field(default_factory=Raw)
    data: str | None = None
    code: str = ""
    retryable: bool = False
    client_id: str = ""
    session_id: str = ""
    member_count: int | None = None
    recovered: bool | None = None
    gap: str = ""
    reason: str = ""
    duplicate: bool = False
    status: str = ""
    stream_id: str = ""
    delta: str = ""
    first_offset: int = 0
    position: int = 0
    prompt: str = ""
    schema: object = None
    text: str = ""
    usage: Usage | None = None
    subscription: str = ""
    events: list["Frame"] = []


FRAMES: Final = msgspec.json.Decoder(Frame)


class WebSocketDoor:
    """WebSockets at an edge; every frame is held against the AsyncAPI document."""

    name = "websocket"
    several = True

    def __init__(self, http: str, document: Document | None = None) -> None:
        self._http = http
        self._document = document or ours()

    @asynccontextmanager
    async def session(
        self, client_id: str = "visitor", token: str = ""
    ) -> AsyncGenerator["WebSocketSession"]:
        """Connect and wait for `welcome`."""
        address = f"ws://{self._http}/ws/{quote(client_id, safe='')}"
        connection = await connect(
            address,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]  # a NewType of str
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            proxy=None,
            compression=None,
            max_size=None,
            ping_interval=None,
        )
        session = WebSocketSession(connection, self._document)
        reading = asyncio.create_task(session.read())
        try:
            await soon(session.welcomed)
            yield session
        finally:
            # One that has ended already has nothing to say: closing it again may fail.
            if not reading.done():
                await connection.close()
            await soon(reading)


class WebSocketSession:
    """One socket."""

    def __init__(self, connection: ClientConnection, document: Document) -> None:
        self.connection = connection
        self._document = document
        self.inbox = Inbox()
        self.welcomed: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self.frames: list[Frame] = []  # everything that came, for who looks closer
        self.close_code = 0
        self._asked = Asked()
        self._views: dict[str, View] = {}

    @property
    def subject(self) -> str:
        """The path's client id."""
        return self.welcomed.result().client_id

    async def read(self) -> None:
        """Take frames until the socket closes."""
        code = ""
        try:
            while True:
                message = await self.connection.recv(decode=False)
                self._document.check(WebSocketDoor.name, "send", message)
                frame = FRAMES.decode(message)
                self.frames.append(frame)
                if frame.type == "closing":
                    code = frame.code
                else:
                    self._take(frame, message)
        except ConnectionClosed:
            self.close_code = self.connection.close_code or 0
            if not self.welcomed.done():
                self.welcomed.set_exception(Refused(code))
            self._asked.close(code)
            self.inbox.put(Closed(code))

    def _take(self, frame: Frame, message: bytes) -> None:
        match frame.type:
            case "welcome":
                self.welcomed.set_result(frame)
            case "error":
                self._asked.answer(frame.id, Refused(frame.code, frame.retryable))
            case "agent.response":
                self._take_update(frame)
            case "caught_up":
                self.inbox.put(CaughtUp(), frame.cursor)
            case "bookmark":
                self.inbox.cursor = frame.cursor
            case "gap":
                self.inbox.put(Gap(frame.reason), frame.cursor)
            case "subscribed":
                self._take_subscribed(frame)
            case "unsubscribed" if not frame.id:
                self.inbox.put(Unsubscribed(frame.room, frame.code))
            case "unsubscribed" | "published" | "accepted" | "history" | "pong" | "presence":
                self._asked.answer(frame.id, frame)
            case _:
                self.inbox.put(event_of(frame, message), frame.cursor)

    def _take_subscribed(self, frame: Frame) -> None:
        self.inbox.cursor = frame.cursor
        if frame.gap:
            self.inbox.put(Gap(frame.gap))
        self._asked.answer(frame.id, frame)

    def _take_update(self, frame: Frame) -> None:
        view = self._views.get(frame.id) or self._views.setdefault(frame.stream_id, View())
        view.stream_id = frame.stream_id
        self._asked.answer(frame.id, frame)
        view.put(update_of(frame))

    async def ask(self, kind: type[T], **fields: object) -> T:
        """Send a frame with an id; return its answer."""
        request_id, future = self._asked.new()
        await self._say({**fields, "id": request_id}, future)
        answer = future.result()
        assert isinstance(answer, kind), answer
        return answer

    async def _say(self, frame: dict[str, object], future: asyncio.Future[object]) -> None:
        """Send a frame; return once it is answered. What is taken must be in the document."""
        payload = json.dumps(frame)
        await self.connection.send(payload)
        await soon(future)
        self._document.check(WebSocketDoor.name, "receive", payload)

    async def subscribe(
        self,
        room: str,
        *,
        cursor: str | None = None,
        history: int | None = None,
        presence: bool = False,
    ) -> Subscribed:
        """Follow a room."""
        given = {"cursor": cursor, "history": history, "presence": presence or None}
        fields = {name: value for name, value in given.items() if value is not None}
        frame = await self.ask(Frame, type="subscribe", room=room, **fields)
        return Subscribed(frame.cursor, frame.recovered)

    async def unsubscribe(self, room: str) -> None:
        """Stop following it."""
        await self.ask(Frame, type="unsubscribe", room=room)

    async def publish(
        self, room: str, content: object, *, event: str = "message", key: str = ""
    ) -> Published:
        """Publish."""
        named = {"type": "message"} if event == "message" else {"type": "publish", "event": event}
        keyed = {"idempotency_key": key} if key else {}
        frame = await self.ask(Frame, room=room, content=content, **named, **keyed)
        return Published(frame.event_id, frame.offset, frame.duplicate)

    async def history(
        self, room: str, limit: int, *, before: int | None = None, after: int | None = None
    ) -> list[Event]:
        """Read a page."""
        bounds = {"before": before, "after": after}
        fields = {name: value for name, value in bounds.items() if value is not None}
        page = await self.ask(Frame, type="history", room=room, limit=limit, **fields)
        return [event_of(frame, b"{}") for frame in page.events]

    async def invoke(self, agent: str, text: str) -> View:
        """Ask an agent."""
        return (await self.invoke_as(agent, text))[1]

    async def invoke_as(self, agent: str, text: str) -> tuple[str, View]:
        """Ask an agent; return also the request's own id."""
        request_id, future = self._asked.new()
        view = self._views[request_id] = View()
        fields = {"type": "agent.invoke", "id": request_id, "agent": agent, "input": text}
        await self._say({**fields}, future)
        return request_id, view

    async def join(self, stream_id: str, cursor: str | None = None) -> View:
        """View an answer."""
        view = self._views[stream_id] = View(stream_id)
        await self.subscribe(f"stream.{stream_id}", cursor=cursor)
        return view

    async def cancel(self, stream_id: str) -> None:
        """Cancel an answer."""
        await self.ask(Frame, type="cancel", stream_id=stream_id)

    async def drop(self) -> None:
        """Cut the connection."""
        self.connection.transport.abort()
        await self.inbox.closed()


def event_of(frame: Frame, message: bytes) -> Event:
    """Return a frame as an event; a flat one has its fields as the content."""
    content: object
    if bytes(frame.raw):
        content = json.loads(bytes(frame.raw))
    elif frame.data is not None:
        content = {"data": frame.data}
    else:
        content = json.loads(message)
    room = frame.room or frame.channel_id
    return Event(
        frame.event_id, room, frame.type, frame.sender, content, frame.offset, frame.cursor
    )


def update_of(frame: Frame) -> Update:
    """Return an `agent.response` as an update."""
    tokens = frame.usage.output_tokens if frame.usage else 0
    return Update(frame.status, frame.delta or frame.text, frame.cursor, frame.code, tokens)
