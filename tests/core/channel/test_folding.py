"""Control events are folded: what they have made outlives them, and the core."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import pytest

from blackroad.core.access.calls import AccessCalls
from blackroad.core.channel import ledger
from blackroad.core.errors import Rejection
from blackroad.core.identity.development import developer_service
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.log.redis.embedded import server_binary
from blackroad.core.log.redis.keys import Keys
from blackroad.core.node import Node
from blackroad.core.settings import CoreSettings
from blackroad.realtime.v1 import access_pb2, channel_pb2
from tests.servers import Server

ME = developer_service()
ADA = Identity("default", "ada", Kind.USER, (), token_id="stolen")
PRIVATE = channel_pb2.ChannelPolicy(access=channel_pb2.CHANNEL_ACCESS_PRIVATE)


@pytest.fixture
def server() -> Generator[Server]:
    """Return a server of the test's own."""
    server = Server(server_binary())
    yield server
    server.end()


@asynccontextmanager
async def core(server: Server) -> AsyncGenerator[Node]:
    """Run a node on the server."""
    settings = CoreSettings(grpc="127.0.0.1:0", log=f"redis://127.0.0.1:{server.port}")
    async with Node.create(settings) as node:
        yield node


async def make_something(node: Node) -> None:
    """Make channels and members, some of which are gone again, and revoke a token."""
    for name in ("plans", "gone", "changed"):
        create = channel_pb2.CreateChannelRequest(name=name, policy=PRIVATE, members=["ada"])
        await node.channels.create_channel(ME, create)
    calls = node.channels
    await calls.add_member(ME, channel_pb2.AddMemberRequest(channel="plans", subject="bob"))
    await calls.remove_member(ME, channel_pb2.RemoveMemberRequest(channel="plans", subject="ada"))
    await node.channels.delete_channel(ME, channel_pb2.DeleteChannelRequest(name="gone"))
    update = channel_pb2.UpdateChannelRequest(name="changed", metadata_json='{"colour":"blue"}')
    update.update_mask.paths.append("metadata_json")
    await calls.update_channel(ME, update)
    access = AccessCalls(node.peers, node.publisher, node.hub, node.clock, 3600.0)
    await access.revoke(ME, access_pb2.RevokeRequest(jti="stolen"))


async def told(node: Node) -> list[bytes]:
    """Return all that a node says of its channels, and of who is revoked."""
    said: list[bytes] = []
    for name in ("plans", "changed"):
        request = channel_pb2.ListMembersRequest(channel=name)
        said.append((await node.channels.list_members(ME, request)).SerializeToString())
        one = await node.channels.get_channel(ME, channel_pb2.GetChannelRequest(name=name))
        said.append(one.SerializeToString())
    with pytest.raises(Rejection):
        await node.channels.get_channel(ME, channel_pb2.GetChannelRequest(name="gone"))
    with pytest.raises(Rejection):
        node.peers.revocations.check(ADA)
    said.append(str(node.directory.ledger.floor("default.gone")).encode())
    return said


@pytest.mark.parametrize("folds", [0, 1, 2])
async def test_a_core_that_starts_knows_what_the_former_knew(server: Server, folds: int) -> None:
    async with core(server) as node:
        await make_something(node)
        for _ in range(folds):
            await node.folding.fold()
        before = await told(node)
    async with core(server) as node:
        assert await told(node) == before


async def test_folded_events_go_and_later_ones_stay(server: Server) -> None:
    async with core(server) as node, core(server) as other:
        await make_something(node)
        await node.folding.fold()
        assert await node.engine.lasting() == []
        create = channel_pb2.CreateChannelRequest(name="later", policy=PRIVATE)
        await other.channels.create_channel(ME, create)
        assert [entry.key for entry in await node.engine.lasting()] == ["default.later"]
        await other.folding.fold()
        await node.folding.fold()
        before = await told(node)
    async with core(server) as node:
        assert await told(node) == before
        assert node.directory.made("default.later")


async def test_what_is_kept_of_deleted_channels_does_not_grow_without_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "MAX_REMEMBERED", 3)
    folded = Keys("blackroad", 0).folded
    async with core(server) as node:
        for number in range(10):
            create = channel_pb2.CreateChannelRequest(name=f"gone.{number}", policy=PRIVATE)
            await node.channels.create_channel(ME, create)
            delete = channel_pb2.DeleteChannelRequest(name=f"gone.{number}")
            await node.channels.delete_channel(ME, delete)
            if number % 3 == 0:
                await node.folding.fold()
        assert server.ask("HLEN", folded) == f":{1 + 3}\r\n"  # and a placeholder
        kept = [node.directory.ledger.floor(f"default.gone.{number}") for number in range(10)]
    assert [bool(floor) for floor in kept] == [False] * 7 + [True] * 3
