"""Calls in progress when the link to the core goes."""

import asyncio

import grpc
import pytest

from blackroad.edge.errors import Refusal
from blackroad.edge.rest.call import Caller, unless_closed
from blackroad.realtime.v1 import channel_pb2

pytestmark = pytest.mark.usefixtures("one_loop")


async def serve_nobody(connected: asyncio.Event) -> asyncio.Server:
    """Listen for a peer that is never answered."""

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        writer.close()

    return await asyncio.start_server(take, "127.0.0.1", 0)


async def test_a_call_whose_channel_closes_is_unavailable() -> None:
    connected = asyncio.Event()
    async with await serve_nobody(connected) as server:
        port = server.sockets[0].getsockname()[1]
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/a/B")

        async def ask() -> None:
            async with unless_closed():
                await method(b"", wait_for_ready=True)

        async with asyncio.timeout(5):
            asked = asyncio.ensure_future(ask())
            await connected.wait()
            await channel.close()
            with pytest.raises(Refusal) as caught:
                await asked
        assert caught.value.code == "unavailable"


async def test_a_publish_whose_answer_is_lost_may_be_there_or_not() -> None:
    async with await serve_nobody(asyncio.Event()) as server:
        port = server.sockets[0].getsockname()[1]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            caller = Caller(channel, [], 5, lambda: None)
            request = channel_pb2.PublishRequest(channel="room")
            with pytest.raises(Refusal) as caught:
                await caller.call_once(caller.channels.Publish, request)
            assert caught.value.code == "unknown"
            with pytest.raises(Refusal) as read:
                await caller.call(caller.channels.GetChannel, channel_pb2.GetChannelRequest())
            assert read.value.code == "unavailable"


async def test_a_cancelled_caller_stays_cancelled() -> None:
    async def ask() -> None:
        async with unless_closed():
            await asyncio.Event().wait()

    asked = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
