"""A link to a core that goes in the middle of the greeting: lost, never a fault of the edge."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from blackroad.edge.trunk.link import METHOD, LinkLost, connect
from blackroad.realtime.v1 import gateway_pb2

pytestmark = pytest.mark.usefixtures("one_loop")
SERVICE, _, RPC = METHOD.removeprefix("/").partition("/")
Context = grpc.aio.ServicerContext[bytes, bytes]


@asynccontextmanager
async def core(greeted: int) -> AsyncGenerator[str]:
    """Serve a core that greets so many streams, then ends each at once without an error."""
    seen = 0

    async def trunk(_: AsyncIterator[bytes], context: Context) -> None:
        nonlocal seen
        seen += 1
        if seen <= greeted:
            welcome = gateway_pb2.TrunkWelcome(trunk_id="t")
            await context.write(gateway_pb2.TrunkResponse(welcome=welcome).SerializeToString())
            await asyncio.sleep(5)

    server = grpc.aio.server()
    # The stubs know handlers of sync servers only.
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
        trunk  # pyright: ignore[reportArgumentType]
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {RPC: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@pytest.mark.parametrize("greeted", [0, 1, 2])
async def test_a_stream_that_ends_while_it_is_opened_is_a_lost_link(greeted: int) -> None:
    async with core(greeted) as address:
        for _ in range(20):
            async with connect(address, "", None) as link:
                with pytest.raises(LinkLost):
                    await link.open("", public=False)


class Deaf:
    """Takes every frame and does nothing."""

    def take_control(self, response: gateway_pb2.TrunkResponse) -> None:
        del response

    take_live = take_catch_up = take_control


async def nothing() -> None:
    """End at once."""


async def test_whoever_lost_a_link_has_no_request_to_end_left_over() -> None:
    # A timeout would take it for one, before Python 3.11.3: no next core would be tried.
    task = asyncio.current_task()
    assert task is not None
    async with core(6) as address:
        for _ in range(2):
            async with connect(address, "", None) as link:
                await link.open("", public=False)
                link.cancel()
                with pytest.raises(LinkLost):
                    await link.run(Deaf(), nothing())
            assert task.cancelling() == 0
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(5)


async def test_who_is_asked_to_end_while_a_link_is_lost_ends() -> None:
    owners: list[asyncio.Task[None]] = []

    async def lingers() -> None:
        try:
            await asyncio.sleep(5)
        finally:  # the link is lost by now
            owners[0].cancel()

    async with core(3) as address, connect(address, "", None) as link:
        await link.open("", public=False)
        link.cancel()
        owners.append(asyncio.create_task(link.run(Deaf(), lingers())))
        with pytest.raises(asyncio.CancelledError):
            await owners[0]
