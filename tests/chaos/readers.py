"""Clients that follow: at each door one that comes back by itself, as that door's clients do."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import grpc
import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from blackroad.client import Client, Event, Gap
from blackroad.client.errors import RealtimeError
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, common_pb2
from tests.chaos.following import Following
from tests.conformance.grpc_frames import code_of, event_of, gap_of
from tests.conformance.sse_frames import blocks
from tests.conformance.websocket_door import FRAMES, SUBPROTOCOL, Frame
from tests.conformance.websocket_door import event_of as read_event

ASK_SECONDS: Final = 0.3
BACK_SECONDS: Final = 0.2
OPEN_SECONDS: Final = 8.0
SILENCE_SECONDS: Final = 6.0  # the edges of a run say something every 2 s
KEEPALIVE: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
)
LOST: Final = (OSError, TimeoutError, WebSocketException, httpx.HTTPError, grpc.aio.AioRpcError)


class Reader:
    """Connects to one place after the other, for as long as it runs."""

    def __init__(self, places: Sequence[str], token: str, followings: Sequence[Following]) -> None:
        self.followings = list(followings)
        self.token = token
        self._places = itertools.cycle(places)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self.session(next(self._places))
            except LOST:
                pass  # it comes back
            finally:
                for following in self.followings:
                    following.cut()
            await asyncio.sleep(BACK_SECONDS)

    async def session(self, place: str) -> None:
        """Stay connected until the connection is lost."""
        raise NotImplementedError

    def named(self, pattern: str) -> Following:
        """Return the subscription to a name or pattern."""
        return next(one for one in self.followings if one.patterns == (pattern,))

    def concerned(self, channel: str, subscription: str) -> list[Following]:
        """Return whose an event is: one that catches up names it, else all that are live."""
        if subscription:
            return [self.named(subscription)]
        return [one for one in self.followings if one.live and one.wants(channel)]

    def due(self) -> list[Following]:
        """Return what is to be asked for, and take it as asked."""
        found = [one for one in self.followings if not (one.stands or one.asked)]
        for one in found:
            one.asked = True
        return found


class SocketReader(Reader):
    """A browser with a WebSocket, and one subscription for each pattern."""

    async def session(self, place: str) -> None:
        """Stay connected until the connection is lost."""
        address = f"ws://{place}/ws/{quote(self.followings[0].subject, safe='')}"
        connection = await connect(
            address,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]  # a NewType of str
            additional_headers={"Authorization": f"Bearer {self.token}"},
            proxy=None,
            compression=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=3,
            ping_timeout=5,
            close_timeout=1,
        )
        asking = asyncio.create_task(self._ask(connection))
        try:
            while True:
                message = await connection.recv(decode=False)
                self._take(FRAMES.decode(message), message)
        finally:
            asking.cancel()
            await asyncio.wait([asking])
            await connection.close()

    async def _ask(self, connection: ClientConnection) -> None:
        with contextlib.suppress(WebSocketException):
            while True:
                for one in self.due():
                    (room,) = one.patterns
                    cursor = {"cursor": one.cursor} if one.cursor else {}
                    frame = {"type": "subscribe", "id": room, "room": room, **cursor}
                    await connection.send(json.dumps(frame))
                await asyncio.sleep(ASK_SECONDS)

    def _take(self, frame: Frame, message: bytes) -> None:  # noqa: C901 - a table
        match frame.type:
            case "subscribed":
                self.named(frame.room).opened(frame.cursor, frame.recovered, frame.gap)
            case "caught_up":
                self.named(frame.room).caught_up(frame.cursor)
            case "gap":
                self.named(frame.room).gap(frame.reason, frame.cursor)
            case "unsubscribed":
                self.named(frame.room).ended(frame.code)
            case "bookmark":
                for one in self.followings:
                    one.bookmark(frame.cursor)
            case "error":
                if frame.id:
                    self.named(frame.id).asked = False
            case "welcome" | "closing" | "pong":
                pass
            case _:
                event = read_event(frame, message)
                for one in self.concerned(event.channel, frame.subscription):
                    one.received(event)


class CurlReader(Reader):
    """Whoever reads server-sent events: all its patterns are one."""

    async def session(self, place: str) -> None:
        """Stay connected until the connection is lost."""
        (following,) = self.followings
        headers = {"Authorization": f"Bearer {self.token}"}
        if following.cursor:
            headers["Last-Event-ID"] = following.cursor
        timeout = httpx.Timeout(OPEN_SECONDS, read=SILENCE_SECONDS)
        async with (
            httpx.AsyncClient(base_url=f"http://{place}", trust_env=False, timeout=timeout) as http,
            http.stream(
                "GET",
                f"/events/{following.subject}",
                params={"channels": ",".join(following.patterns), "full": "true"},
                headers=headers,
            ) as response,
        ):
            async for block in blocks(response):
                if block.event == "connected":
                    following.opened(block.id)
                elif block.event == "closing":
                    return
                elif block.data is None:
                    following.cursor = block.id or following.cursor
                else:
                    _take_block(following, block.event, block.data.encode(), block.id)


def _take_block(following: Following, event: str, data: bytes, cursor: str) -> None:
    frame = FRAMES.decode(data)
    if event == "gap":
        following.gap(frame.reason, cursor)
        return
    seen = read_event(frame, data)
    if following.wants(seen.channel):
        following.received(seen)


class StubReader(Reader):
    """A gRPC client made from the protos alone, with one subscription for each pattern."""

    async def session(self, place: str) -> None:
        """Stay connected until the connection is lost."""
        metadata = (("authorization", f"Bearer {self.token}"),)
        async with grpc.aio.insecure_channel(place, options=KEEPALIVE) as channel:
            call = channel_pb2_grpc.ChannelServiceStub(channel).Connect(metadata=metadata)
            hello = common_pb2.Hello(features=["batch"])
            await call.write(channel_pb2.ConnectRequest(hello=hello))
            asking = asyncio.create_task(self._ask(call))
            try:
                while isinstance(frame := await call.read(), channel_pb2.ConnectResponse):
                    self._take(frame)
            finally:
                asking.cancel()
                await asyncio.wait([asking])
                call.cancel()

    async def _ask(
        self,
        call: "grpc.aio.StreamStreamCall[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse]",
    ) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                for one in self.due():
                    asked = channel_pb2.Subscribe(channel=one.patterns[0])
                    if one.cursor:
                        asked.cursor = one.cursor
                    frame = channel_pb2.ConnectRequest(request_id=one.patterns[0], subscribe=asked)
                    await call.write(frame)
                await asyncio.sleep(ASK_SECONDS)

    def _take(self, frame: channel_pb2.ConnectResponse) -> None:  # noqa: C901 - a table
        match frame.WhichOneof("frame"):
            case "batch":
                for each in frame.batch.frames:
                    self._take(each)
            case "delivery":
                for event in frame.delivery.events:
                    seen = event_of(event)
                    for one in self.concerned(seen.channel, frame.delivery.subscription):
                        one.received(seen, event.epoch)
            case "subscribed":
                said = frame.subscribed
                recovered = said.recovered if said.HasField("recovered") else None
                gap = gap_of(said.gap) if said.gap else ""
                self.named(said.channel).opened(said.cursor, recovered, gap)
            case "caught_up":
                self.named(frame.caught_up.channel).caught_up(frame.caught_up.cursor)
            case "gap":
                self.named(frame.gap.channel).gap(gap_of(frame.gap.reason), frame.gap.cursor)
            case "bookmark":
                for one in self.followings:
                    one.bookmark(frame.bookmark.cursor)
            case "unsubscribed":
                self.named(frame.unsubscribed.channel).ended(code_of(frame.unsubscribed.code))
            case "rejected":
                self.named(frame.request_id).asked = False
            case "lagging":
                for one in self.followings:
                    one.live = False
            case _:
                pass


class AgentReader(Reader):
    """A client with the SDK, which comes back without a word but where something is missing."""

    async def session(self, place: str) -> None:
        """Stay subscribed until it fails for good."""
        (following,) = self.followings
        first, *unit = following.patterns
        try:
            async with (
                Client(f"grpc://{place}", self.token) as client,
                client.subscribe(first, following.cursor or None, unit=unit) as subscription,
            ):
                following.opened(subscription.cursor)
                async for item in subscription:
                    match item:
                        case Event():
                            following.received(event_of(item.message), item.message.epoch)
                        case Gap():
                            following.gap(item.reason, item.cursor)
                        case _:
                            pass
        except RealtimeError:
            return
