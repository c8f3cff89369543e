"""The three streams of a trunk over a real server: who may open them, in what order they speak."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import grpc
import jwt
import pytest

from blackroad.core.door.counts import CallCollector
from blackroad.core.door.guarded import GuardedServer
from blackroad.core.gateway.service import GatewayServicer
from blackroad.core.identity.development import SECRET
from blackroad.core.identity.identity import Identity
from blackroad.core.node import Node
from blackroad.core.settings import CoreSettings
from blackroad.realtime.v1 import (
    admin_pb2,
    channel_pb2,
    common_pb2,
    event_pb2,
    gateway_pb2,
    gateway_pb2_grpc,
)

pytestmark = pytest.mark.usefixtures("one_loop")

Request = gateway_pb2.TrunkRequest
Response = gateway_pb2.TrunkResponse
CONTROL = gateway_pb2.TRUNK_ROLE_CONTROL
LIVE = gateway_pb2.TRUNK_ROLE_LIVE
CATCH_UP = gateway_pb2.TRUNK_ROLE_CATCH_UP


class Stream:
    """One stream, frame by frame."""

    def __init__(self, address: str, token: str = "") -> None:
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._channel = grpc.aio.insecure_channel(address)
        self.call = gateway_pb2_grpc.GatewayServiceStub(self._channel).Trunk(metadata=metadata)
        self._frames: list[Response] = []

    async def hello(self, role: gateway_pb2.TrunkRole.ValueType, trunk_id: str = "") -> Response:
        await self.send(hello=gateway_pb2.TrunkHello(role=role, trunk_id=trunk_id))
        return await self.next()

    async def send(self, session: int = 0, request_id: str = "", **frame: object) -> None:
        request = Request(session=session, request_id=request_id, **frame)  # type: ignore[arg-type]  # one arm by its name
        await self.call.write(request)

    async def next(self, kind: str = "") -> Response:
        """Return the next frame (of a kind: those before it are skipped)."""
        async with asyncio.timeout(10):
            while True:
                if not self._frames:
                    frame = await self.call.read()
                    assert isinstance(frame, Response), "the stream has ended"
                    self._frames += frame.batch.frames or [frame]
                first = self._frames.pop(0)
                if not kind or first.WhichOneof("frame") == kind:
                    return first

    async def code(self) -> grpc.StatusCode:
        """Read to the end; return the status."""
        async with asyncio.timeout(10):
            try:
                while await self.call.read() is not grpc.aio.EOF:
                    pass
            except grpc.aio.AioRpcError:
                pass
            return await self.call.code()

    async def close(self) -> None:
        await self._channel.close()


class Rig:
    """A server, and the streams that were opened to it."""

    def __init__(self, node: Node, address: str) -> None:
        self.node = node
        self.address = address
        self.streams: list[Stream] = []
        self.trunk_id = ""

    def stream(self, token: str = "") -> Stream:
        stream = Stream(self.address, token)
        self.streams.append(stream)
        return stream

    async def trunk(self) -> tuple[Stream, Stream, Stream]:
        control, live, catch_up = self.stream(), self.stream(), self.stream()
        trunk_id = self.trunk_id = (await control.hello(CONTROL)).welcome.trunk_id
        assert (await live.hello(LIVE, trunk_id)).welcome.trunk_id == trunk_id
        assert (await catch_up.hello(CATCH_UP, trunk_id)).welcome.trunk_id == trunk_id
        return control, live, catch_up


@asynccontextmanager
async def rig(attach_seconds: float = 10.0) -> AsyncGenerator[Rig]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    async with Node.create(CoreSettings(grpc="127.0.0.1:0")) as node:
        guarded = GuardedServer(server, node.peers.caller, CallCollector())
        servicer = GatewayServicer(node, attach_seconds)
        gateway_pb2_grpc.add_GatewayServiceServicer_to_server(servicer, guarded)
        port = guarded.add_insecure_port("127.0.0.1:0")
        await guarded.start()
        opened = Rig(node, f"127.0.0.1:{port}")
        try:
            yield opened
        finally:
            for stream in opened.streams:
                await stream.close()
            await server.stop(2)


def waiting_for(node: Node, first: str) -> asyncio.Event:
    """Have what is asked about channels wait, as for another node's word, until this is set.

    It also takes so long to give up, as what waits for a connection does.
    """
    known = asyncio.Event()

    async def learn(identity: Identity, key: str) -> None:
        try:
            await known.wait()
        except asyncio.CancelledError:
            await known.wait()
            raise

    node.directory.owns[first] = lambda identity, key: True
    node.directory.learns[first] = learn
    return known


def token(kind: str, subject: str = "edge") -> str:
    claims: dict[str, object] = {"sub": subject, "kind": kind, "grants": []}
    claims |= {"jti": subject, "exp": int(time.time()) + 3600}
    return jwt.encode(claims, SECRET, algorithm="HS256")


async def browser(control: Stream, number: int = 1, client_id: str = "ada") -> Response:
    opened = gateway_pb2.SessionOpened(client_id=client_id, door=admin_pb2.DOOR_WEBSOCKET)
    await control.send(number, f"open-{number}", session_opened=opened)
    return await control.next()


async def publish(control: Stream, channel: str, *texts: str) -> None:
    events = [event_pb2.Draft(text=text) for text in texts]
    request = channel_pb2.PublishRequest(channel=channel, events=events)
    await control.send(1, "p", publish=request)
    answer = await control.next()
    assert (answer.request_id, len(answer.published.events)) == ("p", len(texts))


async def closed(node: Node) -> None:
    async with asyncio.timeout(10):
        while len(node.trunks) or len(node.sessions):  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0.005)


async def test_only_a_gateway_opens_a_trunk() -> None:
    async with rig() as served:
        for kind in ("user", "agent", "service"):
            stream = served.stream(token(kind))  # who writes meanwhile may hear of that only
            assert await stream.code() is grpc.StatusCode.PERMISSION_DENIED
        welcome = await served.stream(token("gateway")).hello(CONTROL)
        assert welcome.welcome.trunk_id


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Request(ping=common_pb2.Ping()), grpc.StatusCode.INVALID_ARGUMENT),
        (Request(hello=gateway_pb2.TrunkHello()), grpc.StatusCode.INVALID_ARGUMENT),
        (Request(hello=gateway_pb2.TrunkHello(role=LIVE)), grpc.StatusCode.NOT_FOUND),
        (
            Request(hello=gateway_pb2.TrunkHello(role=CATCH_UP, trunk_id="x")),
            grpc.StatusCode.NOT_FOUND,
        ),
    ],
    ids=["no hello", "no role", "no trunk", "unknown trunk"],
)
async def test_a_stream_begins_with_hello_and_a_role(frame: Request, code: grpc.StatusCode) -> None:
    async with rig() as served:
        stream = served.stream()
        await stream.call.write(frame)
        assert await stream.code() is code


async def test_a_stream_that_says_nothing_is_ended() -> None:
    async with rig(attach_seconds=0.05) as served:
        assert await served.stream().code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_trunk_whose_other_streams_do_not_come_is_ended() -> None:
    async with rig(attach_seconds=0.1) as served:
        control = served.stream()
        await control.hello(CONTROL)
        await browser(control)
        assert await control.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await closed(served.node)


async def test_each_stream_comes_once_and_from_the_same_gateway() -> None:
    async with rig() as served:
        control, _, _ = await served.trunk()
        known = served.trunk_id
        again = served.stream()
        await again.send(hello=gateway_pb2.TrunkHello(role=LIVE, trunk_id=known))
        assert await again.code() is grpc.StatusCode.ABORTED
        foreign = served.stream(token("gateway", "other"))
        await foreign.send(hello=gateway_pb2.TrunkHello(role=LIVE, trunk_id=known))
        assert await foreign.code() is grpc.StatusCode.NOT_FOUND
        await control.send(ping=common_pb2.Ping())
        assert (await control.next()).HasField("pong")


@pytest.mark.parametrize("first", [0, 1, 2])
async def test_all_three_end_together_and_leave_nothing(first: int) -> None:
    async with rig() as served:
        streams = await served.trunk()
        await browser(streams[0])
        await streams[0].send(1, "s", subscribe=channel_pb2.Subscribe(channel="room.*"))
        await streams[2].next("caught_up")
        streams[first].call.cancel()
        for stream in streams:
            if stream is not streams[first]:
                assert await stream.code() is grpc.StatusCode.OK
        await closed(served.node)
        assert served.node.hub.topics == 0
        assert served.node.budget.total == 0


async def test_a_trunk_that_is_lost_while_it_ends_leaves_nothing_of_who_waits() -> None:
    async with rig() as served:
        known = waiting_for(served.node, "elsewhere")
        streams = await served.trunk()
        await browser(streams[0], 1, "ada")
        await browser(streams[0], 2, "bob")
        await streams[0].send(1, "s", subscribe=channel_pb2.Subscribe(channel="elsewhere.x"))
        await streams[0].send(2, "t", subscribe=channel_pb2.Subscribe(channel="room"))
        await streams[2].next("caught_up")
        (trunk,) = served.node.trunks.all()
        trunk.restart()
        await streams[0].next("closing")
        for stream in streams:
            stream.call.cancel()
        await closed(served.node)
        known.set()
        assert served.node.hub.topics == 0
        for name in ("ada", "bob"):
            record = served.node.roster.record(f"default.presence.user.{name}")
            assert record is not None
            assert all(stay.lost_ns for stay in record.stays.values()), "their grace has begun"


async def test_what_a_subscription_gets_comes_in_order() -> None:
    async with rig() as served:
        control, live, catch_up = await served.trunk()
        accepted = await browser(control)
        assert accepted.request_id == "open-1"
        assert accepted.session_accepted.client_id == "ada"
        await publish(control, "room.a", "1", "2")
        subscribe = channel_pb2.Subscribe(channel="room.a", history=10)
        await control.send(1, "s", subscribe=subscribe)
        frames = [await catch_up.next() for _ in range(3)]
        kinds = [frame.WhichOneof("frame") for frame in frames]
        assert kinds == ["subscribed", "delivery", "caught_up"]
        assert [event.text for event in frames[1].delivery.events] == ["1", "2"]
        join = await live.next()
        assert (join.request_id, join.session, join.join.channel) == ("s", 1, "room.a")
        await publish(control, "room.a", "3")
        event = (await live.next("live")).live.events[0]
        assert (event.event.text, list(event.numbers)) == ("3", [join.join.number])
        await control.send(1, "u", unsubscribe=channel_pb2.Unsubscribe(channel="room.a"))
        assert (await live.next()).part.number == join.join.number
        assert (await control.next()).unsubscribed.channel == "room.a"


async def test_requests_of_a_browser_are_answered_by_their_ids() -> None:
    async with rig() as served:
        control, _, _ = await served.trunk()
        await browser(control)
        await publish(control, "room.a", "1")
        await control.send(1, "e", list_events=channel_pb2.ListEventsRequest(channel="room.a"))
        assert [event.text for event in (await control.next()).events.events] == ["1"]
        await control.send(9, "x", subscribe=channel_pb2.Subscribe(channel="room.a"))
        refused = await control.next()
        assert (refused.session, refused.request_id) == (9, "x")
        assert refused.rejected.code == common_pb2.ERROR_CODE_NOT_FOUND
        await control.send(1, "n")
        assert (await control.next()).rejected.code == common_pb2.ERROR_CODE_UNKNOWN_TYPE


async def test_drain_tells_every_stream_to_go() -> None:
    async with rig() as served:
        control, live, catch_up = await served.trunk()
        await browser(control)
        await served.node.drain(0.1)
        for stream in (control, live, catch_up):
            said = await stream.next()
            assert said.closing.code == common_pb2.ERROR_CODE_DRAINING, "and nothing of sessions"


async def test_what_one_browser_has_to_wait_for_holds_up_no_other() -> None:
    async with rig() as served:
        known = waiting_for(served.node, "elsewhere")
        control, _, _ = await served.trunk()
        await browser(control, 1, "ada")
        await browser(control, 2, "bob")
        publish = channel_pb2.PublishRequest(channel="room", events=[event_pb2.Draft(text="hi")])
        await control.send(1, "1", subscribe=channel_pb2.Subscribe(channel="elsewhere.x"))
        await control.send(1, "2", publish=publish)
        await control.send(2, "3", publish=publish)
        assert (await control.next("published")).request_id == "3"
        known.set()
        assert (await control.next("published")).request_id == "2"
