"""Floods of HTTP/2 against the core: cheap for it, and not felt by other clients."""

import asyncio
import struct
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import grpc
import pytest

from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc
from tests.hostile.http2 import (
    CANCEL,
    CONTINUATION,
    END_HEADERS,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    begin,
    call,
    frame,
    swallow,
)
from tests.hostile.target import MIB, Target, resident_bytes

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_loop")]

Stub: TypeAlias = "channel_pb2_grpc.ChannelServiceStub"
COUNT: Final = 50_000
BATCH: Final = 500
MOST_BYTES: Final = 10 * MIB
ROUNDS: Final = 12
MOST_KEPT_BYTES: Final = 500 * MIB  # it grew by 75 a connection before it was collected
PATH: Final = b"/blackroad.realtime.v1.ChannelService/Connect"


def rapid_reset() -> Iterator[bytes]:
    """Open 50,000 streams and reset each at once (CVE-2023-44487)."""
    block = call(PATH)
    for number in range(COUNT):
        stream = 2 * number + 1
        yield frame(HEADERS, END_HEADERS, stream, block)
        yield frame(RST_STREAM, 0, stream, struct.pack("!L", CANCEL))


def continuation() -> Iterator[bytes]:
    """Send one header block that never ends (CVE-2024-27316)."""
    yield frame(HEADERS, 0, 1, call(PATH))
    for _ in range(COUNT):
        yield frame(CONTINUATION, 0, 1, b"\x00\x01n\x01v")


def fields() -> Iterator[bytes]:
    """Send all the fields that gRPC takes of who has not acknowledged its settings, 16 MiB."""
    yield frame(HEADERS, 0, 1, call(PATH))
    for _ in range(500):
        yield frame(CONTINUATION, 0, 1, b"\x00\x01n\x01v" * 1000)


def settings() -> Iterator[bytes]:
    """Send settings that must each be acknowledged (CVE-2019-9515)."""
    for number in range(COUNT):
        yield frame(SETTINGS, 0, 0, struct.pack("!HL", 4, 65_535 + number % 100))


def pings() -> Iterator[bytes]:
    """Send pings that must each be answered (CVE-2019-9512)."""
    for number in range(COUNT):
        yield frame(PING, 0, 0, struct.pack("!Q", number))


async def flood(address: str, frames: Iterator[bytes], *, reads: bool) -> None:
    """Send all frames, or until the core ends it or takes no more for two seconds."""
    reader, writer = await begin(address)
    reading = asyncio.ensure_future(swallow(reader)) if reads else None
    try:
        batch: list[bytes] = []
        for one in frames:
            batch.append(one)
            if len(batch) == BATCH:
                writer.write(b"".join(batch))
                batch.clear()
                async with asyncio.timeout(2):
                    await writer.drain()
        writer.write(b"".join(batch))
        async with asyncio.timeout(2):
            await writer.drain()
    except (ConnectionError, TimeoutError):
        pass
    finally:
        if reading is not None:
            await asyncio.wait([reading], timeout=1)
            reading.cancel()
        writer.transport.abort()


async def publish(stub: Stub) -> float:
    """Publish once; return how long it took."""
    begun = time.perf_counter()
    request = channel_pb2.PublishRequest(channel="neighbours")
    request.events.add(text="still here")
    await stub.Publish(request, timeout=5)
    return time.perf_counter() - begun


async def talk(stub: Stub, seconds: list[float]) -> None:
    """Publish every 20 ms until cancelled."""
    while True:
        seconds.append(await publish(stub))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("reads", [True, False], ids=["reading", "unread"])
@pytest.mark.parametrize("frames", [rapid_reset, continuation, settings, pings])
async def test_a_flood_costs_the_core_little_and_others_nothing(
    target: Target, frames: Callable[[], Iterator[bytes]], reads: bool
) -> None:
    pid = target.core.process.pid
    async with grpc.aio.insecure_channel(target.grpc) as channel:
        stub = channel_pb2_grpc.ChannelServiceStub(channel)
        for _ in range(50):
            await publish(stub)
        before = resident_bytes(pid)
        seconds: list[float] = []
        talking = asyncio.ensure_future(talk(stub, seconds))
        await flood(target.grpc, frames(), reads=reads)
        cost = resident_bytes(pid) - before
        talking.cancel()
        await asyncio.wait([talking])
        assert not seconds or max(seconds) < 2
        for _ in range(20):
            assert await publish(stub) < 1
        print(f"{frames.__name__}: {cost / MIB:.1f} MiB")
        assert cost < MOST_BYTES, f"{cost / MIB:.1f} MiB"
    target.check_alive()


async def test_what_large_header_blocks_cost_does_not_add_up(target: Target) -> None:
    """One costs tens of megabytes while it lasts; no option of gRPC bounds that."""
    pid = target.core.process.pid
    async with grpc.aio.insecure_channel(target.grpc) as channel:
        stub = channel_pb2_grpc.ChannelServiceStub(channel)
        before = resident_bytes(pid)
        for _ in range(ROUNDS):
            await flood(target.grpc, fields(), reads=True)
            assert await publish(stub) < 5
        cost = resident_bytes(pid) - before
        print(f"fields: {cost / MIB:.1f} MiB after {ROUNDS} connections")
        assert cost < MOST_KEPT_BYTES, f"{cost / MIB:.1f} MiB"
    target.check_alive()


async def test_who_never_acknowledges_the_settings_is_ended(target: Target) -> None:
    reader, writer = await begin(target.grpc)
    async with asyncio.timeout(40):
        await swallow(reader)
    writer.transport.abort()
