"""The operators' calls, over a real server with real sessions."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import grpc
import jwt
import pytest
from google.protobuf.message import Message

from blackroad.client import Client, RealtimeError
from blackroad.client.channels import Policy
from blackroad.core.identity.development import SECRET
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.log.entry import Position
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from blackroad.realtime.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    channel_pb2,
    channel_pb2_grpc,
    common_pb2,
)

pytestmark = pytest.mark.usefixtures("one_loop")

Stream: TypeAlias = (
    "grpc.aio.StreamStreamCall[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse]"
)
HELLO = common_pb2.Hello()


async def read_until(call: Stream, arm: str) -> None:
    """Read up to a frame of this kind."""
    async with asyncio.timeout(5):
        while True:
            frame = await call.read()
            assert isinstance(frame, channel_pb2.ConnectResponse), f"it ended before {arm}"
            if frame.WhichOneof("frame") == arm:
                return


@dataclass
class Session:
    """A subscribed session and its stream."""

    session_id: str
    call: Stream


class Core:
    """A running core, with an operator's stub."""

    def __init__(self, address: str, channel: grpc.aio.Channel) -> None:
        self.address = address
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self._channels = channel_pb2_grpc.ChannelServiceStub(channel)

    async def session(self, *subscriptions: str, token: str = "") -> Session:
        """Return a new session that follows these."""
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        call = self._channels.Connect(timeout=20, metadata=metadata)
        await call.write(channel_pb2.ConnectRequest(hello=HELLO))
        welcome = await call.read()
        assert isinstance(welcome, channel_pb2.ConnectResponse)
        for name in subscriptions:
            subscribe = channel_pb2.Subscribe(channel=name)
            await call.write(channel_pb2.ConnectRequest(subscribe=subscribe))
            await read_until(call, "subscribed")
        return Session(welcome.welcome.session_id, call)

    async def explain(self, session: Session, channel: str) -> admin_pb2.ExplainResponse:
        request = admin_pb2.ExplainRequest(session_id=session.session_id, channel=channel)
        return await self.admin.Explain(request, timeout=5)


@pytest.fixture
async def core() -> AsyncGenerator[Core]:
    settings = CoreSettings(grpc="127.0.0.1:0", drain_seconds=1)
    async with (
        CoreServer(settings).open() as addresses,
        grpc.aio.insecure_channel(addresses["grpc"]) as channel,
    ):
        yield Core(addresses["grpc"], channel)


def token(subject: str, tenant: str = "default", *patterns: str) -> str:
    payload = {
        "sub": subject,
        "kind": "user",
        "jti": "1",
        "tenant": tenant,
        "exp": int(time.time()) + 60,
        "grants": [{"pattern": pattern, "actions": ["subscribe"]} for pattern in patterns],
    }
    return jwt.encode(payload, SECRET, algorithm="HS256")


async def listed(core: Core, **filters: object) -> list[str]:
    request = admin_pb2.ListSessionsRequest(page_size=2)
    for name, value in filters.items():
        setattr(request, name, value)
    found: list[str] = []
    while True:
        page = await core.admin.ListSessions(request, timeout=5)
        found += [session.session_id for session in page.sessions]
        assert len(page.sessions) <= 2
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


async def test_sessions_are_listed_page_by_page_each_once(core: Core) -> None:
    sessions = [await core.session() for _ in range(5)]
    assert await listed(core) == sorted(session.session_id for session in sessions)


async def test_sessions_are_found_by_subject_and_door(core: Core) -> None:
    await core.session()
    alice = await core.session(token=token("alice"))
    assert await listed(core, subject="alice") == [alice.session_id]
    assert len(await listed(core, door=admin_pb2.DOOR_GRPC)) == 2
    assert await listed(core, door=admin_pb2.DOOR_SSE) == []


async def test_a_session_shows_what_it_is(core: Core) -> None:
    session = await core.session("orders", "task.>")
    page = await core.admin.ListSessions(admin_pb2.ListSessionsRequest(), timeout=5)
    (info,) = page.sessions
    assert info.session_id == session.session_id
    assert info.identity.subject == "developer"
    assert info.method == "Connect"
    assert sorted(info.subscriptions) == ["orders", "task.>"]
    assert abs(info.connect_time.seconds - time.time()) < 60
    assert info.node


async def test_sessions_of_another_tenant_are_not_there(core: Core) -> None:
    other = await core.session(token=token("alice", "acme"))
    assert await listed(core) == []
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await core.explain(other, "orders")
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    request = admin_pb2.DisconnectSessionRequest(session_id=other.session_id)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await core.admin.DisconnectSession(request, timeout=5)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_session_that_is_disconnected_ends_and_is_gone(core: Core) -> None:
    session = await core.session("orders")
    request = admin_pb2.DisconnectSessionRequest(session_id=session.session_id)
    await core.admin.DisconnectSession(request, timeout=5)
    await read_until(session.call, "closing")
    assert await session.call.code() is grpc.StatusCode.PERMISSION_DENIED
    assert await listed(core) == []
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await core.admin.DisconnectSession(request, timeout=5)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_node_tells_of_itself(core: Core) -> None:
    await core.session()
    answer = await core.admin.ListNodes(admin_pb2.ListNodesRequest(), timeout=5)
    (node,) = answer.nodes
    assert (node.sessions, node.edges, node.workers) == (1, 0, 0)
    assert (node.engine, node.engine_healthy) == ("memory", True)
    assert node.version


async def test_explain_tells_what_is_missing(core: Core) -> None:
    follower = await core.session("orders", "task.>")
    yes = await core.explain(follower, "task.1.progress")
    assert yes.delivered
    assert yes.subscription == "task.>"
    assert yes.grant.startswith(">: ")
    assert yes.policy.history_limit == 100
    assert "gets task.1.progress by task.>" in yes.summary
    no = await core.explain(follower, "other")
    assert not no.delivered
    assert "no subscription of it matches" in no.summary


async def test_explain_knows_who_may_not_read(core: Core) -> None:
    alice = await core.session("orders.>", token=token("alice", "default", "orders.>"))
    async with Client(f"grpc://{core.address}") as client:
        await client.channels.create("orders.secret")
        before = await core.explain(alice, "orders.secret")
        assert before.delivered
        await client.channels.update("orders.secret", Policy(access="private"))
    after = await core.explain(alice, "orders.secret")
    assert not after.delivered
    assert not after.member
    assert "is not a member" in after.summary


async def test_every_call_needs_manage_on_system_control(core: Core) -> None:
    calls: list[tuple[str, Message, Callable[[bytes], Message]]] = [
        (
            "ListSessions",
            admin_pb2.ListSessionsRequest(),
            admin_pb2.ListSessionsResponse.FromString,
        ),
        ("ListNodes", admin_pb2.ListNodesRequest(), admin_pb2.ListNodesResponse.FromString),
        (
            "DisconnectSession",
            admin_pb2.DisconnectSessionRequest(session_id="x"),
            admin_pb2.DisconnectSessionResponse.FromString,
        ),
        ("Explain", admin_pb2.ExplainRequest(session_id="x"), admin_pb2.ExplainResponse.FromString),
    ]
    url = f"grpc://{core.address}"
    async with Client(url, token("alice", "default", ">"), timeout_seconds=5) as client:
        for name, request, response in calls:
            with pytest.raises(RealtimeError) as raised:
                await client.unary(f"AdminService/{name}", request, response)
            assert raised.value.code == "forbidden"


async def test_bad_requests_are_the_callers_fault(core: Core) -> None:
    calls: list[Awaitable[object]] = [
        core.admin.Explain(admin_pb2.ExplainRequest(channel="x"), timeout=5),
        core.admin.DisconnectSession(admin_pb2.DisconnectSessionRequest(), timeout=5),
        core.admin.ListSessions(admin_pb2.ListSessionsRequest(page_token="not one"), timeout=5),
    ]
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_explain_knows_when_the_session_was_told_of_a_gap(core: Core) -> None:
    session = await core.session()
    elsewhere = encode_cursor((Position(epoch=1, sequence=1),))
    for channel, cursor in (("orders", ""), ("lost", elsewhere)):
        subscribe = channel_pb2.Subscribe(channel=channel)
        if cursor:
            subscribe.cursor = cursor
        await session.call.write(channel_pb2.ConnectRequest(subscribe=subscribe))
        await read_until(session.call, "subscribed")
    assert not (await core.explain(session, "orders")).HasField("gap_time")
    told = (await core.explain(session, "lost")).gap_time
    assert abs(told.ToNanoseconds() / 1e9 - time.time()) < 10


async def test_a_node_that_drains_says_so_to_its_operators() -> None:
    server = CoreServer(CoreSettings(grpc="127.0.0.1:0", drain_seconds=1))
    async with (
        server.open() as addresses,
        grpc.aio.insecure_channel(addresses["grpc"]) as channel,
    ):
        admin = admin_pb2_grpc.AdminServiceStub(channel)

        async def draining() -> bool:
            [node] = (await admin.ListNodes(admin_pb2.ListNodesRequest(), timeout=5)).nodes
            return node.draining

        assert not await draining()
        await server.drain()
        assert await draining()
