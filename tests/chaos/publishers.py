"""Clients that publish: each text once, tried again with its key while nobody knows."""

import asyncio
import itertools
import json
import random
from collections.abc import Sequence
from typing import Final, Protocol

import grpc
import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from blackroad.client import Client
from blackroad.client.errors import RealtimeError, Rejected
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, event_pb2
from tests.chaos.history import Answered, History, Sent
from tests.chaos.readers import KEEPALIVE, OPEN_SECONDS
from tests.conformance.grpc_frames import refusal
from tests.conformance.sse_frames import Problem, PublishedOne
from tests.conformance.websocket_door import FRAMES, SUBPROTOCOL

ANSWER_SECONDS: Final = 8.0
REST_SECONDS: Final = 0.2
MAY_BE: Final = frozenset({"", "unknown", "deadline_exceeded", "internal"})
FINAL: Final = frozenset({"forbidden", "not_member", "too_large", "reserved_type"})


class Door(Protocol):
    """One way to publish. An attempt says what is known of it, and never raises."""

    name: str

    async def close(self) -> None:
        """Close what it stands on."""
        ...

    async def publish(self, channel: str, text: str) -> Answered:
        """Try once, with the text as the key."""
        ...


def unknown(text: str) -> Answered:
    """Return that nobody knows."""
    return Answered(text, "unknown")


def refused(text: str, code: str) -> Answered:
    """Return what a refusal means: only with a code of the protocol is it certain."""
    certain = code not in MAY_BE and not code.startswith("status ")
    return Answered(text, "rejected" if certain else "unknown", code=code)


class AgentDoor:
    """The SDK, which tries again by itself."""

    name = "sdk"

    def __init__(self, places: Sequence[str], token: str) -> None:
        self._client = Client(f"grpc://{','.join(places)}", token, timeout_seconds=ANSWER_SECONDS)

    async def close(self) -> None:
        """Close what it stands on."""
        await self._client.close()

    async def publish(self, channel: str, text: str) -> Answered:
        """Try until the SDK gives up."""
        try:
            made = await self._client.publish(channel, text, idempotency_key=text)
        except Rejected as error:
            return refused(text, error.code)
        except RealtimeError:
            return unknown(text)
        return Answered(text, "published", made.event_id, made.offset)


class StubDoor:
    """Unary calls of gRPC, each time at another core."""

    name = "grpc"

    def __init__(self, places: Sequence[str], token: str) -> None:
        self._channels = [grpc.aio.insecure_channel(place, options=KEEPALIVE) for place in places]
        stubs = [channel_pb2_grpc.ChannelServiceStub(channel) for channel in self._channels]
        self._stubs = itertools.cycle(stubs)
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def close(self) -> None:
        """Close what it stands on."""
        for channel in self._channels:
            await channel.close()

    async def publish(self, channel: str, text: str) -> Answered:
        """Try once."""
        request = channel_pb2.PublishRequest(
            channel=channel, events=[event_pb2.Draft(text=text)], idempotency_key=text
        )
        try:
            made = await next(self._stubs).Publish(
                request, metadata=self._metadata, timeout=ANSWER_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            return refused(text, refusal(error).code)
        return Answered(text, "published", made.events[0].id, made.events[0].offset)


class CurlDoor:
    """HTTP, each time at another edge."""

    name = "rest"

    def __init__(self, places: Sequence[str], token: str) -> None:
        self._places = itertools.cycle(places)
        headers = {"Authorization": f"Bearer {token}"}
        timeout = httpx.Timeout(ANSWER_SECONDS)
        self._http = httpx.AsyncClient(headers=headers, trust_env=False, timeout=timeout)

    async def close(self) -> None:
        """Close what it stands on."""
        await self._http.aclose()

    async def publish(self, channel: str, text: str) -> Answered:
        """Try once."""
        body = {"channel": channel, "content": text, "idempotency_key": text}
        try:
            response = await self._http.post(f"http://{next(self._places)}/v1/publish", json=body)
        except httpx.HTTPError:
            return unknown(text)
        if response.is_success:
            made = msgspec.json.decode(response.content, type=PublishedOne)
            return Answered(text, "published", made.event_id, made.offset)
        return refused(text, msgspec.json.decode(response.content, type=Problem).code)


class SocketDoor:
    """A WebSocket, opened anew at another edge when it was lost."""

    name = "websocket"

    def __init__(self, places: Sequence[str], subject: str, token: str) -> None:
        self._places = itertools.cycle(places)
        self._subject = subject
        self._token = token
        self._connection: ClientConnection | None = None

    async def close(self) -> None:
        """Close what it stands on."""
        if self._connection is not None:
            await self._connection.close()

    async def publish(self, channel: str, text: str) -> Answered:
        """Try once."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = self._connection or await self._opened()
                frame = {"type": "message", "room": channel, "content": text, "id": text}
                await connection.send(json.dumps({**frame, "idempotency_key": text}))
                return await self._answer(connection, text)
        except (OSError, TimeoutError, WebSocketException):
            lost, self._connection = self._connection, None
            if lost is not None:
                lost.transport.abort()
            return unknown(text)

    async def _opened(self) -> ClientConnection:
        self._connection = await connect(
            f"ws://{next(self._places)}/ws/{self._subject}",
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]  # a NewType of str
            additional_headers={"Authorization": f"Bearer {self._token}"},
            proxy=None,
            compression=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=1,
        )
        return self._connection

    async def _answer(self, connection: ClientConnection, text: str) -> Answered:
        while True:
            frame = FRAMES.decode(await connection.recv(decode=False))
            if frame.id == text and frame.type == "published":
                return Answered(text, "published", frame.event_id, frame.offset)
            if frame.id == text and frame.type == "error":
                return refused(text, frame.code)


class Publisher:
    """Says one thing after the other, at random, and records what became of each attempt."""

    def __init__(
        self,
        history: History,
        subject: str,
        door: Door,
        channels: Sequence[str],
        chance: random.Random,
        rate: float,
    ) -> None:
        self.history = history
        self.subject = subject
        self._door = door
        self._channels = channels
        self._chance = chance
        self._rate = rate
        self._numbers = itertools.count(1)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until it is told to stop, and what was begun is over."""
        while not stop.is_set():
            await self.say(self._chance.choice(self._channels))
            try:
                async with asyncio.timeout(self._chance.expovariate(self._rate)):
                    await stop.wait()
            except TimeoutError:
                continue

    async def say(self, channel: str, tries: int = 0) -> str:
        """Publish a text of its own to a channel; return it. Most are tried until it is known."""
        text = f"{self.subject}-{next(self._numbers)}"
        self.history.add(Sent(text, channel, self.subject, self._door.name))
        for _ in range(tries or self._chance.choice((1, 4, 8, 16))):
            answered = await self._door.publish(channel, text)
            self.history.add(answered)
            if answered.outcome == "published" or answered.code in FINAL:
                break
            await asyncio.sleep(REST_SECONDS)
        return text
