"""The core's server: what it serves, how it drains, and what it refuses."""

import asyncio
import time
from collections.abc import Mapping

import grpc
import httpx
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from blackroad.client import Client, RealtimeError
from blackroad.core.server import OPTIONS, SERVICES, AddressTakenError, CoreServer, serve
from blackroad.core.settings import CoreSettings
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, common_pb2

pytestmark = pytest.mark.usefixtures("one_loop")

SETTINGS = CoreSettings(grpc="127.0.0.1:0", metrics="127.0.0.1:0", drain_seconds=2)
Answer = health_pb2.HealthCheckResponse
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()


def _health(raw: bytes) -> health_pb2.HealthCheckResponse:
    return health_pb2.HealthCheckResponse.FromString(raw)


async def test_port_0_gives_an_address_and_the_node_its_name() -> None:
    server = CoreServer(SETTINGS)
    async with server.open() as addresses:
        port = addresses["grpc"].removeprefix("127.0.0.1:")
        assert int(port) > 0
        assert server.node.name.endswith(f"-{port}")


async def test_health_knows_every_service() -> None:
    async with (
        CoreServer(SETTINGS).open() as addresses,
        grpc.aio.insecure_channel(addresses["grpc"]) as channel,
    ):
        check: grpc.aio.UnaryUnaryMultiCallable[
            health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
        ] = channel.unary_unary("/grpc.health.v1.Health/Check", _bytes, _health)
        for service in ("", *SERVICES):
            answer = await check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            assert answer.status == SERVING


async def test_whoever_watches_health_hears_of_the_drain_and_does_not_hold_it_up() -> None:
    server = CoreServer(SETTINGS)
    async with server.open() as addresses, grpc.aio.insecure_channel(addresses["grpc"]) as channel:
        watching: grpc.aio.UnaryStreamMultiCallable[
            health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
        ] = channel.unary_stream("/grpc.health.v1.Health/Watch", _bytes, _health)
        watch = watching(health_pb2.HealthCheckRequest(), timeout=10)
        first = await watch.read()
        began = time.monotonic()
        await server.drain()
        second = await watch.read()
        assert time.monotonic() - began < 1
    seen = [answer.status for answer in (first, second) if isinstance(answer, Answer)]
    assert seen == [SERVING, NOT_SERVING]


async def reflected(address: str) -> list[str]:
    """Return the services that a server says it has."""
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = await reflection_of(address, request)
    return [service.name for service in answer.list_services_response.service]


async def reflection_of(
    address: str, request: reflection_pb2.ServerReflectionRequest
) -> reflection_pb2.ServerReflectionResponse:
    """Ask a server about itself."""
    async with grpc.aio.insecure_channel(address) as channel:
        reflect: grpc.aio.StreamStreamMultiCallable[
            reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
        ] = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            _bytes,
            reflection_pb2.ServerReflectionResponse.FromString,
        )
        call = reflect(timeout=5)
        await call.write(request)
        await call.done_writing()
        answer = await call.read()
    assert isinstance(answer, reflection_pb2.ServerReflectionResponse)
    return answer


async def test_reflection_is_on_in_development_and_off_with_keys() -> None:
    async with CoreServer(SETTINGS).open() as addresses:
        assert set(SERVICES) <= set(await reflected(addresses["grpc"]))
    with_keys = CoreSettings.model_validate(
        {"grpc": "127.0.0.1:0", "auth": {"secret": "s" * 32}, "drain_seconds": 1}
    )
    async with CoreServer(with_keys).open() as addresses:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await reflected(addresses["grpc"])
        assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("symbol", "known"),
    [
        ("blackroad.realtime.v1.ChannelService", True),
        ("blackroad.realtime.v1.ChannelService.Publish", True),
        ("blackroad.realtime.v1.PublishRequest", True),
        ("blackroad.realtime.v1.ChannelService.Nothing", False),
        ("blackroad.realtime.v1.Nothing", False),
        ("", False),
    ],
)
async def test_reflection_knows_methods_by_their_names(symbol: str, *, known: bool) -> None:
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
    async with CoreServer(SETTINGS).open() as addresses:
        answer = await reflection_of(addresses["grpc"], request)
    assert answer.HasField("file_descriptor_response") is known
    assert answer.HasField("error_response") is not known


async def test_a_second_server_does_not_take_the_port_of_the_first() -> None:
    async with CoreServer(SETTINGS).open() as addresses:
        with pytest.raises(AddressTakenError):
            CoreServer(SETTINGS.model_copy(update={"grpc": addresses["grpc"]}))


async def test_probes_and_metrics_are_served_beside() -> None:
    server = CoreServer(SETTINGS)
    async with server.open() as addresses, httpx.AsyncClient() as http:
        base = f"http://{addresses['metrics']}"
        async with Client(f"grpc://{addresses['grpc']}") as client:
            await client.publish("orders", "x")
        assert (await http.get(f"{base}/healthz")).status_code == 200
        assert (await http.get(f"{base}/readyz")).status_code == 200
        assert (await http.get(f"{base}/other")).status_code == 404
        assert (await http.post(f"{base}/metrics")).status_code == 405
        assert (await http.head(f"{base}/metrics")).text == ""
        metrics = (await http.get(f"{base}/metrics")).text
        assert 'grpc_server_started_total{grpc_method="Connect"' in metrics
        assert "process_resident_memory_bytes" in metrics
        await server.drain()
        assert (await http.get(f"{base}/readyz")).status_code == 503
        assert (await http.get(f"{base}/healthz")).status_code == 200


async def _read(
    call: "grpc.aio.StreamStreamCall[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse]",
    frames: list[str | None],
) -> grpc.aio.AioRpcError:
    """Read a stream to its end; return the error that ends it."""
    try:
        while isinstance(frame := await call.read(), channel_pb2.ConnectResponse):
            frames.append(frame.WhichOneof("frame"))
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the stream ended well")


async def test_a_drain_tells_sessions_to_go_and_refuses_new_ones() -> None:
    server = CoreServer(SETTINGS)
    async with server.open() as addresses, grpc.aio.insecure_channel(addresses["grpc"]) as channel:
        stub = channel_pb2_grpc.ChannelServiceStub(channel)
        call = stub.Connect(timeout=10)
        await call.write(channel_pb2.ConnectRequest(hello=common_pb2.Hello()))
        welcome = await call.read()
        assert isinstance(welcome, channel_pb2.ConnectResponse)
        draining = asyncio.ensure_future(server.drain())
        frames: list[str | None] = []
        ended = await _read(call, frames)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetChannel(channel_pb2.GetChannelRequest(name="x"), timeout=5)
        await draining
    assert frames[-1] == "closing"
    for error in (ended, refused.value):
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "shutting down" in str(error.details())


async def test_serve_ends_when_it_is_told_to() -> None:
    stop = asyncio.Event()
    told: list[dict[str, str]] = []

    def ready(addresses: Mapping[str, str]) -> None:
        told.append(dict(addresses))
        stop.set()

    async with asyncio.timeout(10):
        await serve(SETTINGS, ready, stop)
    assert told[0]["grpc"].startswith("127.0.0.1:")


async def test_a_message_above_the_limit_is_refused() -> None:
    async with (
        CoreServer(SETTINGS).open() as addresses,
        grpc.aio.insecure_channel(
            addresses["grpc"], [("grpc.max_send_message_length", -1)]
        ) as channel,
    ):
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            f"/{SERVICES[2]}/Publish"
        )
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await method(b"\x0a" + bytes(7 << 20), timeout=10)
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_nobody_without_a_token_is_let_in_where_there_are_keys() -> None:
    settings = CoreSettings.model_validate(
        {"grpc": "127.0.0.1:0", "auth": {"secret": "s" * 32}, "drain_seconds": 1}
    )
    async with CoreServer(settings).open() as addresses:
        async with Client(f"grpc://{addresses['grpc']}", timeout_seconds=5) as client:
            with pytest.raises(RealtimeError) as raised:
                await client.publish("orders", "x")
        assert raised.value.code == "unauthenticated"


def test_the_options_that_were_found_by_running_are_set() -> None:
    options = dict(OPTIONS)
    assert options["grpc.so_reuseport"] == 0
    assert options["grpc.http2.ping_timeout_ms"] == 10_000
    assert options["grpc.max_concurrent_streams"] == 100
    assert options["grpc.max_receive_message_length"] == 6 << 20
