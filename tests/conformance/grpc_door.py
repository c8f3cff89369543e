"""The gRPC door, driven by the generated stubs alone."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import grpc

# The wheel of google.rpc ships stubs, but no py.typed.
from blackroad.realtime.v1 import (
    channel_pb2,
    channel_pb2_grpc,
    common_pb2,
    event_pb2,
    stream_pb2,
    stream_pb2_grpc,
)
from tests.conformance.doors import Asked, Inbox, View, soon
from tests.conformance.grpc_frames import (
    called,
    code_of,
    event_of,
    gap_of,
    refusal,
    rejection,
    step_of,
    update_of,
)
from tests.conformance.records import (
    CaughtUp,
    Closed,
    Event,
    Gap,
    Published,
    Subscribed,
    Unsubscribed,
)

DEVELOPER: Final = "developer"
SINGLE: Final = frozenset({"queued", "started", "snapshot", "finished", "failed", "cancelled"})
ConnectCall = grpc.aio.StreamStreamCall[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse]
OpenCall = grpc.aio.StreamStreamCall[stream_pb2.OpenRequest, stream_pb2.OpenResponse]
Metadata = tuple[tuple[str, str | bytes], ...]


def dialled(address: str) -> grpc.aio.Channel:
    """Return a connection of its own."""
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.insecure_channel(address, options=options)


class GrpcDoor:
    """Connect and Open at a core."""

    name = "grpc"
    several = True

    def __init__(self, address: str) -> None:
        self._address = address

    @asynccontextmanager
    async def session(
        self, client_id: str = "visitor", token: str = ""
    ) -> AsyncGenerator["GrpcSession"]:
        """Open Connect, and wait for its Welcome. In development everybody is `developer`."""
        del client_id
        async with dialled(self._address) as channel:
            session = GrpcSession(channel, token)
            try:
                await soon(session.begin())
                yield session
                await session.leave()
            finally:
                await session.drop()


class GrpcSession:
    """One Connect, and one Open where answers are asked for."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self.inbox = Inbox()
        self.subject = ""
        self.frames: list[channel_pb2.ConnectResponse] = []
        self.channels = channel_pb2_grpc.ChannelServiceStub(channel)
        self.streams = stream_pb2_grpc.StreamServiceStub(channel)
        self.metadata: Metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._connect: ConnectCall | None = None
        self._open: OpenCall | None = None
        self._writing = asyncio.Lock()  # grpc.aio refuses a second write at the same time
        self._asked = Asked()
        self._views: dict[str, View] = {}
        self._reading: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Say Hello and wait for Welcome."""
        call = self._connect = self.channels.Connect(metadata=self.metadata)
        try:
            await call.write(channel_pb2.ConnectRequest(hello=common_pb2.Hello()))
            first = await call.read()
        except grpc.aio.AioRpcError as error:
            raise refusal(error) from None
        assert isinstance(first, channel_pb2.ConnectResponse)
        self.subject = first.welcome.identity.subject
        self._reading.append(asyncio.create_task(self._read(call)))

    async def _read(self, call: ConnectCall) -> None:
        code = ""
        try:
            while True:
                frame = await call.read()
                if not isinstance(frame, channel_pb2.ConnectResponse):
                    break
                self.frames.append(frame)
                if frame.HasField("closing"):
                    code = code_of(frame.closing.code)
                self._take(frame)
        except grpc.aio.AioRpcError as error:
            code = code or refusal(error).code
        self._asked.close(code)
        self.inbox.put(Closed(code))

    def _take(self, frame: channel_pb2.ConnectResponse) -> None:  # noqa: C901 - a table
        match frame.WhichOneof("frame"):
            case "delivery":
                for event in frame.delivery.events:
                    self.inbox.put(event_of(event), event.cursor)
            case "caught_up":
                self.inbox.put(CaughtUp(), frame.caught_up.cursor)
            case "bookmark":
                self.inbox.cursor = frame.bookmark.cursor
            case "gap":
                self.inbox.put(Gap(gap_of(frame.gap.reason)), frame.gap.cursor)
            case "subscribed":
                self.inbox.cursor = frame.subscribed.cursor
                if frame.subscribed.gap:
                    self.inbox.put(Gap(gap_of(frame.subscribed.gap)))
                self._asked.answer(frame.request_id, frame)
            case "unsubscribed" if not frame.request_id:
                ended = frame.unsubscribed
                self.inbox.put(Unsubscribed(ended.channel, code_of(ended.code)))
            case "rejected":
                self._asked.answer(frame.request_id, rejection(frame.rejected))
            case "unsubscribed" | "published" | "accepted" | "pong":
                self._asked.answer(frame.request_id, frame)
            case _:
                pass

    async def ask(self, request: channel_pb2.ConnectRequest) -> channel_pb2.ConnectResponse:
        """Send a frame with an id; return its answer."""
        request.request_id, future = self._asked.new()
        await self.send(request)
        answer = await soon(future)
        assert isinstance(answer, channel_pb2.ConnectResponse)
        return answer

    async def send(self, request: channel_pb2.ConnectRequest) -> None:
        """Send a frame as it is."""
        assert self._connect is not None
        async with self._writing:
            await self._connect.write(request)

    async def subscribe(
        self,
        room: str,
        *,
        cursor: str | None = None,
        history: int | None = None,
        presence: bool = False,
    ) -> Subscribed:
        """Follow a channel."""
        asked = channel_pb2.Subscribe(channel=room, presence=presence)
        if cursor is not None:
            asked.cursor = cursor
        elif history is not None:
            asked.history = history
        answer = (await self.ask(channel_pb2.ConnectRequest(subscribe=asked))).subscribed
        return Subscribed(answer.cursor, answer.recovered if answer.HasField("recovered") else None)

    async def unsubscribe(self, room: str) -> None:
        """Stop following it."""
        asked = channel_pb2.Unsubscribe(channel=room)
        await self.ask(channel_pb2.ConnectRequest(unsubscribe=asked))

    async def publish(
        self, room: str, content: object, *, event: str = "message", key: str = ""
    ) -> Published:
        """Publish."""
        draft = event_pb2.Draft(type=event)
        if isinstance(content, str):
            draft.text = content
        else:
            draft.json = json.dumps(content)
        asked = channel_pb2.PublishRequest(channel=room, events=[draft], idempotency_key=key)
        answer = (await self.ask(channel_pb2.ConnectRequest(publish=asked))).published
        return Published(answer.events[0].id, answer.events[0].offset, answer.duplicate)

    async def history(
        self, room: str, limit: int, *, before: int | None = None, after: int | None = None
    ) -> list[Event]:
        """Read a page."""
        asked = channel_pb2.ListEventsRequest(channel=room, limit=limit)
        if before is not None:
            asked.before = before
        elif after is not None:
            asked.after = after
        page = await called(self.channels.ListEvents(asked, metadata=self.metadata))
        return [event_of(event) for event in page.events]

    async def _opened(self) -> OpenCall:
        async with self._writing:
            if self._open is None:
                self._open = self.streams.Open(metadata=self.metadata)
                await self._open.write(stream_pb2.OpenRequest(hello=common_pb2.Hello()))
                self._reading.append(asyncio.create_task(self._read_answers(self._open)))
            return self._open

    async def _read_answers(self, call: OpenCall) -> None:
        code = ""
        try:
            while True:
                frame = await call.read()
                if not isinstance(frame, stream_pb2.OpenResponse):
                    break
                self._take_answer(frame)
        except grpc.aio.AioRpcError as error:
            code = refusal(error).code
        self._asked.close(code)

    def _take_answer(self, frame: stream_pb2.OpenResponse) -> None:
        kind = frame.WhichOneof("frame")
        if kind == "rejected":
            self._asked.answer(frame.request_id, rejection(frame.rejected))
            return
        view = self._views.get(frame.request_id)
        if view is None or kind == "accepted":
            self._asked.answer(frame.request_id, frame)
            return
        view.stream_id = frame.stream_id or view.stream_id
        self._asked.answer(frame.request_id, frame)
        if kind == "delivery":
            for event in frame.delivery.events:
                view.put(update_of(event.answer, event.cursor))
        elif kind in SINGLE:
            view.put(step_of(frame))

    async def _ask_for_answer(self, request: stream_pb2.OpenRequest) -> View:
        call = await self._opened()
        request.request_id, future = self._asked.new()
        view = self._views[request.request_id] = View(request.join.stream_id)
        async with self._writing:
            await call.write(request)
        await soon(future)
        return view

    async def invoke(self, agent: str, text: str) -> View:
        """Ask an agent."""
        start = stream_pb2.Invoke(target=stream_pb2.Target(agent=agent), text=text)
        return await self._ask_for_answer(stream_pb2.OpenRequest(start=start))

    async def join(self, stream_id: str, cursor: str | None = None) -> View:
        """View an answer."""
        asked = stream_pb2.JoinAnswer(stream_id=stream_id, cursor=cursor or "")
        return await self._ask_for_answer(stream_pb2.OpenRequest(join=asked))

    async def cancel(self, stream_id: str) -> None:
        """Cancel an answer."""
        call = await self._opened()
        request = stream_pb2.OpenRequest(cancel=stream_pb2.CancelAnswer(stream_id=stream_id))
        request.request_id, future = self._asked.new()
        async with self._writing:
            await call.write(request)
        await soon(future)

    async def leave(self) -> None:
        """Say goodbye, and wait for the end."""
        if self._connect is not None and not self._connect.done():
            await self._connect.write(channel_pb2.ConnectRequest(leave=common_pb2.Leave()))
            await self.inbox.closed()

    async def drop(self) -> None:
        """Cut both streams."""
        for call in (self._connect, self._open):
            if call is not None:
                call.cancel()
        tasks, self._reading = self._reading, []
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()
