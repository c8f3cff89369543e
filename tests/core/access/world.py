"""A core with keys on a real server, its callers, and every stream that can be refreshed."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Generic, Protocol, TypeAlias, TypeVar

import grpc
import jwt
from google.protobuf.message import Message

from blackroad.core.clock import SystemClock
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from blackroad.realtime.v1 import (
    access_pb2_grpc,
    channel_pb2,
    channel_pb2_grpc,
    common_pb2,
    gateway_pb2,
    gateway_pb2_grpc,
    presence_pb2,
    presence_pb2_grpc,
    stream_pb2,
    stream_pb2_grpc,
)

SECRET = "a secret of thirty-two bytes, at least"
ALL = ("subscribe", "publish", "presence", "invoke", "serve", "manage")
Grants: TypeAlias = Mapping[str, Sequence[str]]
MANY = {
    "messages_per_second": 1e6,
    "burst_limit": 1_000_000,
    "commands_per_second": 1e6,
    "commands_burst": 1_000_000,
}
EVERYTHING: Grants = {">": ALL, "presence.>": ALL, "system.>": ALL, "stream.>": ALL}
_numbers = itertools.count(1)


def token(
    subject: str,
    grants: Grants | None = None,
    *,
    kind: str = "user",
    tenant: str = "default",
    jti: str = "",
    seconds: float = 3600,
    issued: float = -1,
) -> str:
    """Return a token; it was issued so many seconds from now."""
    now = time.time()
    claims = {
        "sub": subject,
        "kind": kind,
        "tenant": tenant,
        "jti": jti or f"t{next(_numbers)}",
        "iat": now + issued,
        "exp": now + seconds,
        "grants": [
            {"pattern": pattern, "actions": list(actions)}
            for pattern, actions in (EVERYTHING if grants is None else grants).items()
        ],
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class Stream(Protocol):
    """One stream of any kind."""

    async def refresh(self, fresh: str) -> str: ...

    async def lives(self) -> bool: ...

    async def ended(self) -> str: ...


class Session(Generic[Q, A]):
    """One stream of one client: it writes frames, and reads up to the one that it waits for."""

    def __init__(
        self,
        call: "grpc.aio.StreamStreamCall[Q, A]",
        request: type[Q],
        kind: type[A],
    ) -> None:
        self.call = call
        self._request = request
        self._kind = kind

    async def say(self, request_id: str = "", **frame: object) -> None:
        request = self._request(request_id=request_id, **frame)
        await self.call.write(request)

    async def next(self) -> A:
        """Return the next frame."""
        async with asyncio.timeout(10):
            answer = await self.call.read()
            assert isinstance(answer, self._kind), "it ended"
            return answer

    async def read(self, arm: str) -> A:
        """Return the next frame of this kind; those before it are passed."""
        async with asyncio.timeout(10):
            while True:
                answer = await self.call.read()
                assert isinstance(answer, self._kind), f"it ended before {arm}"
                if _arm(answer) == arm:
                    return answer

    async def refresh(self, fresh: str) -> str:
        """Show a fresh token; return `accepted`, or the code of the refusal."""
        await self.say("fresh", refresh=common_pb2.Refresh(token=fresh))
        async with asyncio.timeout(10):
            while True:
                answer = await self.call.read()
                assert isinstance(answer, self._kind), "it ended"
                if _id(answer) == "fresh":
                    arm = _arm(answer)
                    return arm if arm == "accepted" else _code(getattr(answer, arm).code)

    async def lives(self) -> bool:
        """Tell whether it answers a ping."""
        await self.say("still", ping=common_pb2.Ping())
        return _id(await self.read("pong")) == "still"

    async def ended(self) -> str:
        """Return the reason for which the stream ends, when it does."""
        reason = ""
        with suppress(grpc.aio.AioRpcError):
            async with asyncio.timeout(10):
                while isinstance(answer := await self.call.read(), self._kind):
                    if _arm(answer) == "closing":
                        reason = _code(getattr(answer, "closing").code)  # noqa: B009 (of each kind)
        return reason


def _arm(answer: Message) -> str:
    return answer.WhichOneof("frame") or ""


def _id(answer: Message) -> str:
    return str(getattr(answer, "request_id"))  # noqa: B009 (each response has one)


def _code(number: int) -> str:
    return common_pb2.ErrorCode.Name(common_pb2.ErrorCode.ValueType(number))[11:]


class Core:
    """A running core and how to reach it."""

    def __init__(self, server: CoreServer, channel: grpc.aio.Channel, address: str) -> None:
        self.server = server
        self.address = address
        self.node = server.node
        self.channel = channel

        self.access = access_pb2_grpc.AccessServiceStub(channel)

    async def streams(self, shown: str) -> dict[str, Stream]:
        """Open one stream of each kind that a client has."""
        return {
            "Connect": await self.connect(shown),
            "Track": await self.track(shown),
            "Serve": await self.serve(shown, "ECHO"),
            "Open": await self.open(shown),
        }

    async def make_private(self, name: str) -> None:
        """Make a private channel, whose owner is `root`."""
        policy = channel_pb2.ChannelPolicy(access=channel_pb2.CHANNEL_ACCESS_PRIVATE)
        await channel_pb2_grpc.ChannelServiceStub(self.channel).CreateChannel(
            channel_pb2.CreateChannelRequest(name=name, policy=policy),
            metadata=bearer(token("root")),
        )

    async def connect(self, shown: str, *channels: str) -> "Connected":
        call = channel_pb2_grpc.ChannelServiceStub(self.channel).Connect(metadata=bearer(shown))
        session = Session(call, channel_pb2.ConnectRequest, channel_pb2.ConnectResponse)
        await session.say(hello=common_pb2.Hello())
        await session.read("welcome")
        for name in channels:
            await session.say(subscribe=channel_pb2.Subscribe(channel=name))
            await session.read("caught_up")
        return session

    async def track(self, shown: str) -> "Tracked":
        call = presence_pb2_grpc.PresenceServiceStub(self.channel).Track(metadata=bearer(shown))
        session = Session(call, presence_pb2.TrackRequest, presence_pb2.TrackResponse)
        await session.say(announce=presence_pb2.Announce())
        await session.read("announced")
        return session

    async def serve(self, shown: str, agent: str) -> "Served":
        call = stream_pb2_grpc.StreamServiceStub(self.channel).Serve(metadata=bearer(shown))
        session = Session(call, stream_pb2.ServeRequest, stream_pb2.ServeResponse)
        await session.say(register=stream_pb2.Register(agent=agent))
        await session.read("registered")
        return session

    async def open(self, shown: str) -> "Opened":
        call = stream_pb2_grpc.StreamServiceStub(self.channel).Open(metadata=bearer(shown))
        session = Session(call, stream_pb2.OpenRequest, stream_pb2.OpenResponse)
        await session.say(hello=common_pb2.Hello())
        await session.read("welcome")
        return session

    async def trunk(self, shown: str) -> "Trunk":
        stub = gateway_pb2_grpc.GatewayServiceStub(self.channel)
        streams: list[TrunkStream] = []
        trunk_id = ""
        for role in (
            gateway_pb2.TRUNK_ROLE_CONTROL,
            gateway_pb2.TRUNK_ROLE_LIVE,
            gateway_pb2.TRUNK_ROLE_CATCH_UP,
        ):
            call = stub.Trunk(metadata=bearer(shown))
            stream = Session(call, gateway_pb2.TrunkRequest, gateway_pb2.TrunkResponse)
            await stream.say(hello=gateway_pb2.TrunkHello(role=role, trunk_id=trunk_id))
            trunk_id = (await stream.read("welcome")).welcome.trunk_id
            streams.append(stream)
        return Trunk(*streams)


Connected: TypeAlias = Session[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse]
Tracked: TypeAlias = Session[presence_pb2.TrackRequest, presence_pb2.TrackResponse]
Served: TypeAlias = Session[stream_pb2.ServeRequest, stream_pb2.ServeResponse]
Opened: TypeAlias = Session[stream_pb2.OpenRequest, stream_pb2.OpenResponse]
TrunkStream: TypeAlias = Session[gateway_pb2.TrunkRequest, gateway_pb2.TrunkResponse]


class Trunk:
    """An edge's three streams."""

    def __init__(
        self,
        control: TrunkStream,
        live: TrunkStream,
        catch_up: TrunkStream,
    ) -> None:
        self.control = control
        self.live = live
        self.catch_up = catch_up

    def close(self) -> None:
        """Lose the edge."""
        for stream in (self.control, self.live, self.catch_up):
            stream.call.cancel()

    async def opened(self, number: int, **opened: object) -> gateway_pb2.TrunkResponse:
        """Open a session; return what it was answered."""
        frame = gateway_pb2.SessionOpened(**opened)  # type: ignore[arg-type]  # by their names
        await self.control.say(f"open {number}", session=number, session_opened=frame)
        async with asyncio.timeout(10):
            while True:
                answer = await self.control.call.read()
                assert isinstance(answer, gateway_pb2.TrunkResponse)
                if answer.request_id == f"open {number}":
                    return answer


def bearer(shown: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {shown}"),)


@asynccontextmanager
async def running(**auth: object) -> AsyncGenerator[Core]:
    settings = CoreSettings.model_validate(
        {
            "grpc": "127.0.0.1:0",
            "auth": {"secret": SECRET, **auth},
            "limits": dict.fromkeys(("user", "agent", "service"), MANY),
            "drain_seconds": 0.1,
        }
    )
    server = CoreServer(settings)
    async with (
        server.open() as addresses,
        grpc.aio.insecure_channel(addresses["grpc"]) as channel,
    ):
        yield Core(server, channel, addresses["grpc"])


class MovedClock(SystemClock):
    """The machine's clock, so many seconds on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def time_ns(self) -> int:
        return time.time_ns() + int(self._seconds * 1e9)
