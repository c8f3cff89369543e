"""The limits of gRPC, each seen by a real client: what is too much, too many, or too quiet."""

import asyncio
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import grpc
import pytest

from blackroad.core import server
from blackroad.core.server import MAX_MESSAGE_BYTES, MAX_METADATA_BYTES, MAX_STREAMS, CoreServer
from blackroad.core.settings import CoreSettings
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, common_pb2
from tests.hostile.http2 import END_HEADERS, HEADERS, PING, SETTINGS, begin, call, frame

pytestmark = pytest.mark.usefixtures("one_loop")

SETTINGS_OF_THE_CORE: Final = CoreSettings(grpc="127.0.0.1:0", drain_seconds=0.1)
GOAWAY: Final = 0x7
ACK: Final = 1
ENHANCE_YOUR_CALM: Final = 11
CONNECT: Final = b"/blackroad.realtime.v1.ChannelService/Connect"
PUBLISH: Final = "/blackroad.realtime.v1.ChannelService/Publish"
TIMES: Final = {
    "grpc.max_connection_idle_ms": 300_000,
    "grpc.max_connection_age_ms": 3_600_000,
    "grpc.keepalive_time_ms": 20_000,
    "grpc.http2.ping_timeout_ms": 10_000,
    "grpc.http2.min_ping_interval_without_data_ms": 5_000,
}


@asynccontextmanager
async def core() -> AsyncGenerator[str]:
    """Run a core in development; give its address."""
    async with CoreServer(SETTINGS_OF_THE_CORE).open() as addresses:
        yield addresses["grpc"]


@asynccontextmanager
async def hurried(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> AsyncGenerator[str]:
    """Run a core with some of its times made short; the others stand."""
    changed = {f"grpc.{name}_ms": round(1000 * value) for name, value in seconds.items()}
    changed = {name.replace("http2_", "http2."): value for name, value in changed.items()}
    options = [(name, changed.pop(name, value)) for name, value in server.OPTIONS]
    assert not changed, "no such options"
    monkeypatch.setattr(server, "OPTIONS", tuple(options))
    async with core() as address:
        yield address


async def frames(reader: asyncio.StreamReader) -> AsyncGenerator[tuple[int, int, bytes]]:
    """Yield kind, flags and payload of each frame until the other side ends the connection."""
    try:
        while True:
            length, kind, flags, _ = struct.unpack("!3sBBL", await reader.readexactly(9))
            yield kind, flags, await reader.readexactly(int.from_bytes(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return


async def refusal(address: str, request: bytes, *metadata: tuple[str, str]) -> grpc.StatusCode:
    """Publish what these bytes say; return the status."""
    async with grpc.aio.insecure_channel(address) as channel:
        publish: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PUBLISH)
        return await publish(request, metadata=metadata, timeout=10).code()


def publish_request(size: int) -> bytes:
    request = channel_pb2.PublishRequest(channel="r")
    request.events.add(text="x" * size)
    return request.SerializeToString()


async def test_the_times_are_those_of_the_page() -> None:
    assert TIMES.items() <= dict(server.OPTIONS).items()


async def test_metadata_of_16_kib_is_too_much() -> None:
    async with core() as address:
        whole = publish_request(1)
        fits = ("x-much", "a" * (MAX_METADATA_BYTES - 2048))
        assert await refusal(address, whole, fits) is grpc.StatusCode.OK
        status = await refusal(address, whole, ("x-much", "a" * MAX_METADATA_BYTES))
        assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await refusal(address, whole) is grpc.StatusCode.OK


async def test_a_message_of_more_than_6_mib_is_not_read() -> None:
    async with core() as address:
        status = await refusal(address, publish_request(MAX_MESSAGE_BYTES))
        assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
        smaller = await refusal(address, publish_request(MAX_MESSAGE_BYTES - 1024))
        assert smaller is grpc.StatusCode.INVALID_ARGUMENT, "too_large: it was read"


async def test_nesting_of_101_messages_is_a_bad_frame_and_no_fault() -> None:
    begin_group, end_group = b"\xc3\x3e", b"\xc4\x3e"  # field 1000, which nobody knows
    async with core() as address:
        for depth in (101, 5_000, 100_000):
            status = await refusal(address, begin_group * depth + end_group * depth)
            assert status is grpc.StatusCode.INVALID_ARGUMENT
        assert await refusal(address, publish_request(1)) is grpc.StatusCode.OK


async def test_the_next_stream_of_a_connection_waits_until_one_has_ended() -> None:
    hello = channel_pb2.ConnectRequest(hello=common_pb2.Hello())
    async with core() as address, grpc.aio.insecure_channel(address) as channel:
        stub = channel_pb2_grpc.ChannelServiceStub(channel)
        calls = [stub.Connect() for _ in range(MAX_STREAMS)]
        for each in calls:
            await each.write(hello)
            assert await each.read()
        one_more = stub.Connect()
        writing = asyncio.ensure_future(one_more.write(hello))
        reading = asyncio.ensure_future(one_more.read())
        await calls[0].write(channel_pb2.ConnectRequest(ping=common_pb2.Ping()))
        assert await calls[0].read(), "the others go on"
        assert not reading.done()
        calls[0].cancel()
        async with asyncio.timeout(10):
            await writing
            assert await reading
        for each in (one_more, *calls):
            each.cancel()


async def test_who_answers_no_ping_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"keepalive_time": 1.0, "http2_ping_timeout": 0.5}
    async with hurried(monkeypatch, **times) as address:
        reader, writer = await begin(address)
        writer.write(frame(SETTINGS, ACK, 0) + frame(HEADERS, END_HEADERS, 1, call(CONNECT)))
        async with asyncio.timeout(15):
            kinds = [kind async for kind, flags, _ in frames(reader) if not flags & ACK]
        assert PING in kinds
        writer.close()


async def test_a_connection_without_calls_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hurried(monkeypatch, max_connection_idle=0.5) as address:
        reader, writer = await begin(address)
        writer.write(frame(SETTINGS, ACK, 0))
        async with asyncio.timeout(15):
            kinds: list[int] = []
            async for kind, flags, payload in frames(reader):
                kinds.append(kind)
                if kind == PING and not flags & ACK:
                    writer.write(frame(PING, ACK, 0, payload))
        assert GOAWAY in kinds
        writer.close()


async def test_an_old_connection_takes_no_new_calls_and_its_streams_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ping = channel_pb2.ConnectRequest(request_id="1", ping=common_pb2.Ping())
    async with (
        hurried(monkeypatch, max_connection_age=1.0) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub = channel_pb2_grpc.ChannelServiceStub(channel)
        stream = stub.Connect()
        await stream.write(channel_pb2.ConnectRequest(hello=common_pb2.Hello()))
        assert await stream.read()
        reader, writer = await begin(address)
        async with asyncio.timeout(15):
            async for kind, flags, payload in frames(reader):
                if kind == GOAWAY:
                    break
                if kind == PING and not flags & ACK:
                    writer.write(frame(PING, ACK, 0, payload))
        writer.close()
        await asyncio.sleep(1)  # so that the stream's own connection is old, too
        await stream.write(ping)
        answer = await stream.read()
        assert isinstance(answer, channel_pb2.ConnectResponse)
        assert answer.HasField("pong")
        await stub.Publish(channel_pb2.PublishRequest.FromString(publish_request(1)), timeout=10)
        stream.cancel()


async def test_who_pings_all_the_time_is_told_to_be_calm() -> None:
    async with core() as address:
        reader, writer = await begin(address)
        writer.write(frame(SETTINGS, ACK, 0))
        writer.write(b"".join(frame(PING, 0, 0, struct.pack("!Q", n)) for n in range(20)))
        async with asyncio.timeout(15):
            said = [payload async for kind, _, payload in frames(reader) if kind == GOAWAY]
        assert struct.unpack("!L", said[-1][4:8])[0] == ENHANCE_YOUR_CALM
        writer.close()
