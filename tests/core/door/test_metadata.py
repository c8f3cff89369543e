"""Metadata beyond the limit, from a peer that gRPC does not hold to it."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, cast

import grpc
import pytest

from blackroad.core.door.metadata import LEFT_BYTES, MetadataLimit, weight
from tests.hostile.http2 import CONTINUATION, HEADERS, begin, call, frame

pytestmark = pytest.mark.usefixtures("one_loop")

SERVICE = "blackroad.realtime.v1.ChannelService"
MOST = 16 * 1024
MANY = 20_000
Get: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"


@asynccontextmanager
async def serving(*interceptors: grpc.aio.ServerInterceptor) -> AsyncGenerator[str]:
    """Run a server with one rpc, that answers nothing; give its address."""

    async def answer(_: bytes, context: object) -> bytes:
        return b""

    server = grpc.aio.server(
        interceptors=interceptors, options=[("grpc.absolute_max_metadata_size", MOST)]
    )
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Get": grpc.unary_unary_rpc_method_handler(answer)
    }
    server.add_registered_method_handlers(SERVICE, handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def never_end(address: str, method: str, fields: int) -> None:
    """Send a header block that has so many fields and no end, without acknowledging settings."""
    _, writer = await begin(address)
    writer.write(frame(HEADERS, 0, 1, call(f"/{SERVICE}/{method}".encode())))
    for _ in range(fields // 1000):
        writer.write(frame(CONTINUATION, 0, 1, b"\x00\x01n\x01v" * 1000))
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def large_tuples() -> int:
    """Count what is left of metadata with so many fields."""
    tuples = [cast("tuple[object, ...]", one) for one in gc.get_objects() if type(one) is tuple]
    return sum(len(one) >= MANY for one in tuples)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("method", ["Get", "Unheard"])
async def test_what_calls_with_too_much_metadata_leave_is_collected(method: str) -> None:
    calls = LEFT_BYTES // (34 * MANY) + 1
    limit = MetadataLimit(MOST)
    gc.collect()
    gc.disable()
    try:
        before = large_tuples()
        async with serving(limit) as address:
            for _ in range(calls):
                await never_end(address, method, MANY)
            await until(lambda: large_tuples() > before)
            await until(lambda: large_tuples() == before)
    finally:
        gc.enable()


async def test_a_call_within_the_limit_is_served_and_one_beyond_it_refused() -> None:
    async with (
        serving(MetadataLimit(300)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        get: Get = channel.unary_unary(f"/{SERVICE}/Get")
        assert await get(b"", metadata=(("a", "x"),)) == b""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await get(b"", metadata=(("a", "x" * 300),))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "300 bytes" in (refused.value.details() or "")


def test_metadata_weighs_what_http2_says() -> None:
    assert weight(None) == 0
    assert weight([("ab", "c"), ("d-bin", b"ef")]) == 3 + 7 + 64
