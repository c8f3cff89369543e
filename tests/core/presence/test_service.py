"""The door of presence: a real server, real streams, callers with tokens of their own."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import grpc
import jwt
import pytest

from blackroad.core.identity.identity import Kind
from blackroad.core.presence.entity import Status
from blackroad.core.server import CoreServer
from blackroad.core.settings import AuthSettings, CoreSettings, PresenceSettings
from blackroad.realtime.v1 import (
    channel_pb2,
    channel_pb2_grpc,
    common_pb2,
    presence_pb2,
    presence_pb2_grpc,
)

SECRET = "a secret of at least thirty-two bytes"
SETTINGS = CoreSettings(
    grpc="127.0.0.1:0",
    drain_seconds=2,
    auth=AuthSettings.model_validate({"secret": SECRET}),
    presence=PresenceSettings(grace_seconds=0.2),
)
AGENT = common_pb2.ENTITY_KIND_AGENT
USER = common_pb2.ENTITY_KIND_USER
Call = grpc.aio.StreamStreamCall[presence_pb2.TrackRequest, presence_pb2.TrackResponse]


class Core:
    """A running core and its callers."""

    def __init__(self, server: CoreServer, channel: grpc.aio.Channel) -> None:
        self.server = server
        self.stub = presence_pb2_grpc.PresenceServiceStub(channel)
        self.channels = channel_pb2_grpc.ChannelServiceStub(channel)

    def track(self, metadata: tuple[tuple[str, str], ...]) -> "Track":
        return Track(self.stub.Track(metadata=metadata, timeout=30))

    async def get(self, kind: common_pb2.EntityKind.ValueType, name: str) -> presence_pb2.Presence:
        request = presence_pb2.GetPresenceRequest(entity_type=kind, entity_id=name)
        return (await self.stub.GetPresence(request, metadata=WATCHER)).presence


class Track:
    """The client's side of one stream."""

    def __init__(self, call: Call) -> None:
        self.call = call

    async def send(self, **frame: object) -> None:
        await self.call.write(presence_pb2.TrackRequest(**frame))  # type: ignore[arg-type]  # one arm by its name

    async def until(self, kind: str) -> presence_pb2.TrackResponse:
        """Return the next frame of a kind."""
        async with asyncio.timeout(10):
            while True:
                frame = await self.call.read()
                assert isinstance(frame, presence_pb2.TrackResponse), "the stream has ended"
                if frame.WhichOneof("frame") == kind:
                    return frame

    async def change(self) -> tuple[str, str]:
        """Return whose next change this is, and the status."""
        (change,) = (await self.until("changes")).changes.changes
        return change.presence.entity_id, Status(change.presence.status).word


def caller(subject: str, kind: Kind, *grants: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a caller with grants of pattern and action."""
    claims = {
        "sub": subject,
        "kind": kind.value,
        "jti": "1",
        "exp": int(time.time()) + 600,
        "grants": [{"pattern": pattern, "actions": [action]} for pattern, action in grants],
    }
    return (("authorization", f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"),)


WATCHER = caller("watcher", Kind.SERVICE, ("presence.>", "presence"), ("lobby", "subscribe"))
SEE_AGENTS = ("agents", "subscribe"), ("presence.agent.*", "subscribe")
ADA = caller("ada", Kind.USER, *SEE_AGENTS)
LUCIDIA = caller("LUCIDIA", Kind.AGENT)


@asynccontextmanager
async def a_core() -> AsyncGenerator[Core]:
    server = CoreServer(SETTINGS)
    async with server.open() as addresses, grpc.aio.insecure_channel(addresses["grpc"]) as channel:
        yield Core(server, channel)


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    async with a_core() as running:
        yield running


async def subscribe(
    call: "grpc.aio.StreamStreamCall[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse]",
    channel: str,
) -> None:
    """Follow a channel; return when that stands."""
    request = channel_pb2.Subscribe(channel=channel)
    await call.write(channel_pb2.ConnectRequest(subscribe=request))
    for kind in ("welcome", "subscribed", "caught_up"):
        frame = await call.read()
        assert isinstance(frame, channel_pb2.ConnectResponse)
        assert frame.WhichOneof("frame") == kind


async def test_who_announces_is_seen_and_who_leaves_is_gone_at_once(core: Core) -> None:
    watcher, lucidia = core.track(WATCHER), core.track(LUCIDIA)
    await watcher.send(watch=presence_pb2.Watch(entity_type=AGENT))
    assert (await watcher.until("snapshot")).snapshot.complete
    await lucidia.send(announce=presence_pb2.Announce(metadata_json='{"model":"x"}'))
    await lucidia.until("announced")
    assert await watcher.change() == ("LUCIDIA", "online")
    assert (await core.get(AGENT, "LUCIDIA")).metadata_json == '{"model":"x"}'
    busy = presence_pb2.UpdatePresence(status=presence_pb2.PRESENCE_STATUS_BUSY)
    await lucidia.send(update=busy)
    assert await watcher.change() == ("LUCIDIA", "busy")
    await lucidia.send(leave=common_pb2.Leave())
    await lucidia.until("closing")
    assert await lucidia.call.read() is grpc.aio.EOF
    assert await lucidia.call.code() is grpc.StatusCode.OK
    assert await watcher.change() == ("LUCIDIA", "offline")
    assert Status((await core.get(AGENT, "LUCIDIA")).status).word == "offline"


async def test_a_client_that_vanishes_is_gone_after_the_grace(core: Core) -> None:
    watcher, lucidia = core.track(WATCHER), core.track(LUCIDIA)
    await watcher.send(watch=presence_pb2.Watch(entity_type=AGENT, entity_id="LUCIDIA"))
    await watcher.until("snapshot")
    await lucidia.send(announce=presence_pb2.Announce())
    assert await watcher.change() == ("LUCIDIA", "online")
    lucidia.call.cancel()
    began = time.monotonic()
    assert await watcher.change() == ("LUCIDIA", "offline")
    assert 0.1 < time.monotonic() - began < 5


async def test_a_session_that_comes_back_in_time_does_not_flap(core: Core) -> None:
    watcher, lost, again = core.track(WATCHER), core.track(LUCIDIA), core.track(LUCIDIA)
    later = core.track(ADA)
    for session in (lost, later):
        await session.send(announce=presence_pb2.Announce())
        await session.until("announced")
    await watcher.send(watch=presence_pb2.Watch())
    await watcher.until("snapshot")
    lost.call.cancel()
    await again.send(announce=presence_pb2.Announce())
    await again.until("announced")
    later.call.cancel()  # whose grace ends after that of the one that was lost
    told: list[tuple[str, str]] = []
    while ("ada", "offline") not in told:
        told.append(await watcher.change())
    assert ("LUCIDIA", "offline") not in told
    assert Status((await core.get(AGENT, "LUCIDIA")).status).word == "online"


async def test_changes_are_events_that_a_channels_subscriber_reads(core: Core) -> None:
    reader = caller("reader", Kind.SERVICE, ("presence.agent.*", "subscribe"))
    call = core.channels.Connect(metadata=reader, timeout=20)
    await subscribe(call, "presence.agent.*")
    lucidia = core.track(LUCIDIA)
    await lucidia.send(announce=presence_pb2.Announce())
    frame = await call.read()
    assert isinstance(frame, channel_pb2.ConnectResponse)
    (event,) = frame.delivery.events
    assert (event.channel, event.type) == ("presence.agent.LUCIDIA", "agent.status")
    assert json.loads(event.json)["status"] == "online"
    call.cancel()


async def test_nobody_can_forge_presence(core: Core) -> None:
    forger = caller("eve", Kind.SERVICE, ("presence.>", "publish"))
    request = channel_pb2.PublishRequest(channel="presence.agent.LUCIDIA")
    request.events.add(text="offline")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await core.channels.Publish(request, metadata=forger)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_reading_presence_needs_a_grant(core: Core) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await core.stub.ListPresence(presence_pb2.ListPresenceRequest(), metadata=ADA)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    request = presence_pb2.GetPresenceRequest(entity_type=USER, entity_id="ada")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await core.stub.GetPresence(request, metadata=LUCIDIA)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await core.stub.GetPresence(presence_pb2.GetPresenceRequest(), metadata=WATCHER)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_entity_that_was_never_here_is_offline(core: Core) -> None:
    presence = await core.get(USER, "nobody")
    assert (presence.entity_id, Status(presence.status).word) == ("nobody", "offline")
    assert not presence.sessions


async def test_the_occupants_of_a_channel_are_listed_for_who_may_read_it(core: Core) -> None:
    ada, lucidia = core.track(ADA), core.track(LUCIDIA)
    for session in (ada, lucidia):
        await session.send(announce=presence_pb2.Announce())
        await session.until("announced")
    call = core.channels.Connect(metadata=ADA, timeout=20)
    await subscribe(call, "agents")
    request = presence_pb2.ListPresenceRequest(channel="agents", page_size=1)
    answer = await core.stub.ListPresence(request, metadata=ADA)
    assert [presence.entity_id for presence in answer.entities] == ["ada"]
    assert not answer.next_page_token
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await core.stub.ListPresence(request, metadata=LUCIDIA)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    call.cancel()


async def test_a_drain_ends_every_session_and_makes_nobody_flap() -> None:
    async with a_core() as core:
        watcher, lucidia = core.track(WATCHER), core.track(LUCIDIA)
        await lucidia.send(announce=presence_pb2.Announce())
        await lucidia.until("announced")
        await watcher.send(watch=presence_pb2.Watch())
        await watcher.until("snapshot")
        await core.server.drain()
        for session in (watcher, lucidia):
            frame = await session.until("closing")
            assert frame.closing.code == common_pb2.ERROR_CODE_DRAINING
            assert await session.call.code() is grpc.StatusCode.UNAVAILABLE
        here, _ = core.server.node.roster.list("default")
        assert [presence.entity_id for presence in here] == ["LUCIDIA"]
