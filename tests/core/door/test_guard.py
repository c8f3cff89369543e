"""What stands before every rpc, seen by a real client of a real server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from prometheus_client.registry import CollectorRegistry
from pydantic import SecretStr

from blackroad.client.codes import from_status
from blackroad.core.door.caller import identify
from blackroad.core.door.counts import CallCollector
from blackroad.core.door.guarded import GuardedServer
from blackroad.core.errors import Code, Ending, Rejection
from blackroad.core.identity.peer import Peers
from blackroad.core.settings import AuthSettings
from blackroad.realtime.v1 import (
    channel_pb2,
    channel_pb2_grpc,
    common_pb2,
)
from tests.processes import part

pytestmark = pytest.mark.usefixtures("one_loop")

SERVICE = "blackroad.realtime.v1.ChannelService"
GET = f"/{SERVICE}/GetChannel"
CONNECT = f"/{SERVICE}/Connect"
CROSSINGS = 50


class Scripted:
    """Does what the name of the channel says."""

    def handlers(self) -> dict[str, object]:
        return {
            "GetChannel": grpc.unary_unary_rpc_method_handler(
                self.GetChannel, channel_pb2.GetChannelRequest.FromString
            ),
            "Connect": grpc.stream_stream_rpc_method_handler(
                self.Connect, channel_pb2.ConnectRequest.FromString
            ),
        }

    async def GetChannel(
        self, request: channel_pb2.GetChannelRequest, context: object
    ) -> channel_pb2.GetChannelResponse:
        match request.name:
            case "limited":
                raise Rejection(Code.RATE_LIMITED, retry_after_seconds=1.5, channel="limited")
            case "bug":
                raise ZeroDivisionError("a detail that is nobody's business")
            case "who":
                channel = channel_pb2.Channel(owner=identify(context).subject)
                return channel_pb2.GetChannelResponse(channel=channel)
            case _:
                return channel_pb2.GetChannelResponse()

    async def Connect(
        self,
        request_iterator: AsyncIterator[channel_pb2.ConnectRequest],
        context: "grpc.aio.ServicerContext[channel_pb2.ConnectRequest, bytes]",
    ) -> None:
        pong = channel_pb2.ConnectResponse(pong=common_pb2.Pong()).SerializeToString()
        async with asyncio.TaskGroup() as tasks:

            async def read() -> None:
                async for request in request_iterator:
                    if request.request_id == "end":
                        raise Ending(Code.SLOW_CONSUMER)
                    await context.write(pong)

            tasks.create_task(read())


class Running:
    """A guarded server and a channel to it."""

    def __init__(self, guarded: GuardedServer, channel: grpc.aio.Channel) -> None:
        self.guarded = guarded
        self.channel = channel
        self.stub = channel_pb2_grpc.ChannelServiceStub(channel)

    async def failure(self, name: str) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.stub.GetChannel(channel_pb2.GetChannelRequest(name=name), timeout=5)
        return raised.value


@asynccontextmanager
async def running(auth: AuthSettings | None = None) -> AsyncGenerator[Running]:
    collector = CallCollector()
    server = grpc.aio.server()
    guarded = GuardedServer(server, Peers(auth or AuthSettings()).caller, collector)
    guarded.add_registered_method_handlers(SERVICE, Scripted().handlers())
    port = guarded.add_insecure_port("127.0.0.1:0")
    await guarded.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Running(guarded, channel)
    finally:
        await guarded.stop(None)


def rich(error: grpc.aio.AioRpcError) -> bytes:
    """Return the serialized google.rpc.Status of a failed call."""
    found = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    assert isinstance(found, bytes)
    return found


def nested(depth: int) -> bytes:
    """Return an unknown group that is nested so deep: valid wire format, that no parser takes."""
    return b"\xfb\x01" * depth + b"\xfc\x01" * depth


async def test_a_rejection_is_a_status_with_reason_and_time() -> None:
    async with running() as run:
        error = await run.failure("limited")
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    read = from_status(error)
    assert (read.code, read.retry_after_seconds) == ("rate_limited", 1.5)
    assert b"blackroad.dev" in rich(error)


async def test_a_fault_of_ours_tells_the_caller_nothing() -> None:
    async with running() as run:
        error = await run.failure("bug")
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "the server failed"


async def test_the_service_learns_who_calls() -> None:
    async with running() as run:
        request = channel_pb2.GetChannelRequest(name="who")
        answer = await run.stub.GetChannel(
            request, timeout=5, metadata=(("blackroad-act-as-client-id", "bob"),)
        )
    assert answer.channel.owner == "bob"


async def test_nobody_gets_in_without_a_token_where_there_are_keys() -> None:
    auth = AuthSettings.model_validate({"secret": "x" * 32})
    async with running(auth) as run:
        error = await run.failure("who")
        call = run.stub.Connect(timeout=5)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.read()
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("raw", [nested(110), b"\xff\xff\xff", b"\x0a\x05ab"])
async def test_a_message_that_does_not_parse_is_the_callers_fault(raw: bytes) -> None:
    async with running() as run:
        unary: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = run.channel.unary_unary(GET)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await unary(raw, timeout=5)
        stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = run.channel.stream_stream(
            CONNECT
        )
        call = stream(timeout=5)
        await call.write(raw)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await call.read()
    for error in (raised.value, ended.value):
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "Error" not in str(error.details())


async def test_a_stream_ends_with_the_ending_that_a_task_of_it_raised() -> None:
    async with running() as run:
        call = run.stub.Connect(timeout=5)
        await call.write(channel_pb2.ConnectRequest(request_id="ping"))
        answer = await call.read()
        assert isinstance(answer, channel_pb2.ConnectResponse)
        assert answer.WhichOneof("frame") == "pong"
        await call.write(channel_pb2.ConnectRequest(request_id="end"))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.read()
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_server_that_drains_refuses_new_calls_and_knows_when_the_last_has_ended() -> None:
    async with running() as run:
        call = run.stub.Connect(timeout=5)
        await call.write(channel_pb2.ConnectRequest(request_id="ping"))
        await call.read()
        run.guarded.calls.refusal = Ending(Code.DRAINING)
        error = await run.failure("who")
        assert run.guarded.calls.active == 1
        await call.done_writing()
        async with asyncio.timeout(5):
            await run.guarded.calls.none()
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "shutting down" in str(error.details())


async def test_who_says_hello_and_is_refused_hears_why_however_the_two_cross() -> None:
    """By a process of its own: grpc.aio makes INTERNAL of a write that the refusal overtakes."""
    request = channel_pb2.ConnectRequest(request_id="hello")

    async def crossing(stub: channel_pb2_grpc.ChannelServiceStub) -> grpc.StatusCode:
        call = stub.Connect(timeout=5)
        for _ in range(3):
            await call.write(request)
        await call.read()
        raise AssertionError("it is not refused")

    codes: set[grpc.StatusCode] = set()
    with part("core", GRPC="127.0.0.1:0", AUTH__SECRET="s" * 32) as core:
        async with grpc.aio.insecure_channel(core.addresses["grpc"]) as channel:
            stub = channel_pb2_grpc.ChannelServiceStub(channel)
            for _ in range(CROSSINGS):
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await crossing(stub)
                codes.add(raised.value.code())
    assert codes == {grpc.StatusCode.UNAUTHENTICATED}


async def test_who_is_refused_and_says_nothing_hears_it_soon() -> None:
    async with running(AuthSettings(secret=SecretStr("s" * 32))) as run:
        call = run.stub.Connect(timeout=5)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.read()
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_calls_are_counted_by_how_they_ended() -> None:
    async with running() as run:
        await run.failure("limited")
        await run.stub.GetChannel(channel_pb2.GetChannelRequest(name="ok"), timeout=5)
        registry = CollectorRegistry()
        registry.register(run.guarded.collector)
    labels = {
        "grpc_type": "unary",
        "grpc_service": "blackroad.realtime.v1.ChannelService",
        "grpc_method": "GetChannel",
    }

    def count(name: str, **more: str) -> float | None:
        return registry.get_sample_value(f"grpc_server_{name}", labels | more)

    assert count("started_total") == 2
    assert count("msg_received_total") == 2
    assert count("handled_total", grpc_code="OK") == 1
    assert count("handled_total", grpc_code="RESOURCE_EXHAUSTED") == 1
    assert count("handling_seconds_count") == 2
