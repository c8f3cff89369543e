"""A core whose log outlives it: killed and started again it costs a pause, not an event."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from grpc.aio import AioRpcError

from blackroad.core.log.redis.embedded import server_binary
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, event_pb2
from tests.conformance.doors import Inbox
from tests.conformance.grpc_door import GrpcDoor, dialled
from tests.conformance.records import Event
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.processes import part
from tests.servers import Server

pytestmark = pytest.mark.slow

BEFORE, MEANWHILE, AFTER = 20, 50, 10


@contextmanager
def log_of(engine: str, folder: Path) -> Generator[str]:
    """Give the setting `log` of an engine."""
    if engine == "embedded":
        yield f"embedded:{folder}"
        return
    server = Server(server_binary())
    try:
        yield f"redis://127.0.0.1:{server.port}"
    finally:
        server.end()


async def until_last(inbox: Inbox, last: str) -> list[Event]:
    """Return all events to the last one; a gap fails the test."""
    events: list[Event] = []
    while not events or events[-1].content != last:
        events.append(await inbox.event())
    return events


def assert_whole(events: list[Event], acknowledged: set[str]) -> None:
    """Nothing that was acknowledged is missing, nothing comes twice, and all in order."""
    offsets = [event.offset for event in events]
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))
    assert acknowledged <= {str(event.content) for event in events}


async def publish_into_the_fall(address: str, room: str, said: set[str]) -> None:
    """Publish one after the other until the core is gone."""
    with suppress(AioRpcError):
        async with dialled(address) as channel:
            stub = channel_pb2_grpc.ChannelServiceStub(channel)
            for number in range(MEANWHILE):
                draft = event_pb2.Draft(text=f"meanwhile {number}")
                await stub.Publish(channel_pb2.PublishRequest(channel=room, events=[draft]))
                said.add(f"meanwhile {number}")


@pytest.mark.parametrize("engine", ["embedded", "server"])
async def test_nothing_is_missing_and_nothing_comes_twice(
    room: str, tmp_path: Path, engine: str
) -> None:
    with log_of(engine, tmp_path) as log, part("core", GRPC="127.0.0.1:0", LOG=log) as core:
        address = core.addresses["grpc"]
        with part("edge", HTTP="127.0.0.1:0", CORE=address) as edge:
            http = edge.addresses["http"]
            async with (
                WebSocketDoor(http).session("ws") as browser,
                SseDoor(http).session("sse") as curl,
            ):
                said: set[str] = set()
                for reader in (browser, curl):
                    await reader.subscribe(room)
                async with GrpcDoor(address).session() as publisher:
                    start = (await publisher.subscribe(room)).cursor
                    for number in range(BEFORE):
                        await publisher.publish(room, f"before {number}")
                        said.add(f"before {number}")
                    cursor = publisher.inbox.cursor or start
                falling = asyncio.create_task(publish_into_the_fall(address, room, said))
                await asyncio.sleep(0.02)
                await asyncio.to_thread(core.process.kill)
                await asyncio.wait([falling])
                with part("core", GRPC=address, LOG=log):
                    async with GrpcDoor(address).session() as publisher:
                        subscribed = await publisher.subscribe(room, cursor=start)
                        assert subscribed.recovered is True
                        for number in range(AFTER):
                            await publisher.publish(room, f"after {number}")
                            said.add(f"after {number}")
                        last = f"after {AFTER - 1}"
                        for inbox in (browser.inbox, curl.inbox, publisher.inbox):
                            assert_whole(await until_last(inbox, last), said)
                    async with GrpcDoor(address).session() as late:
                        assert (await late.subscribe(room, cursor=cursor)).recovered is True


async def test_channels_and_members_are_there_again(room: str, tmp_path: Path) -> None:
    log = f"embedded:{tmp_path}"
    with part("core", GRPC="127.0.0.1:0", LOG=log) as core:
        address = core.addresses["grpc"]
        async with dialled(address) as channel:
            stub = channel_pb2_grpc.ChannelServiceStub(channel)
            policy = channel_pb2.ChannelPolicy(access=channel_pb2.CHANNEL_ACCESS_PRIVATE)
            await stub.CreateChannel(
                channel_pb2.CreateChannelRequest(name=room, policy=policy, members=["ada"])
            )
            await stub.AddMember(channel_pb2.AddMemberRequest(channel=room, subject="bob"))
            await stub.RemoveMember(channel_pb2.RemoveMemberRequest(channel=room, subject="ada"))
            made = await stub.GetChannel(channel_pb2.GetChannelRequest(name=room))
        await asyncio.to_thread(core.process.kill)
        with part("core", GRPC=address, LOG=log):
            async with dialled(address) as channel:
                stub = channel_pb2_grpc.ChannelServiceStub(channel)
                found = await stub.GetChannel(channel_pb2.GetChannelRequest(name=room))
                members = await stub.ListMembers(channel_pb2.ListMembersRequest(channel=room))
    assert found.channel.policy == made.channel.policy
    assert found.channel.etag == made.channel.etag
    assert [member.subject for member in members.members] == ["bob", "developer"]
