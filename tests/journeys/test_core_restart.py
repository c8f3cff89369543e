"""A core of the memory engine that is started again is a declared gap, never silence."""

import asyncio

import pytest

from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.records import Lost
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.processes import part


@pytest.mark.parametrize(
    "politely",
    [pytest.param(True, id="drained", marks=pytest.mark.slow), pytest.param(False, id="killed")],
)
async def test_everyone_hears_of_the_gap_and_goes_on(room: str, politely: bool) -> None:
    with part("core", GRPC="127.0.0.1:0") as core:
        address = core.addresses["grpc"]
        with part("edge", HTTP="127.0.0.1:0", CORE=address) as edge:
            http = edge.addresses["http"]
            async with (
                WebSocketDoor(http).session("ws") as browser,
                SseDoor(http).session("sse") as curl,
            ):
                async with GrpcDoor(address).session() as follower:
                    readers = (browser, curl, follower)
                    for reader in readers:
                        await reader.subscribe(room)
                    await follower.publish(room, "before")
                    for reader in readers:
                        assert (await reader.inbox.event()).content == "before"
                    cursor = follower.inbox.cursor
                    ending = core.process.terminate if politely else core.process.kill
                    await asyncio.to_thread(ending)
                    closed = await follower.inbox.closed()
                    assert closed.code == ("draining" if politely else "status UNAVAILABLE")
                    with pytest.raises((Lost, Exception)):
                        await follower.publish(room, "to nobody")
                with part("core", GRPC=address):
                    # The browsers noticed a pause; now they hear what is lost, and then what comes.
                    for reader in (browser, curl):
                        assert (await reader.inbox.gap()).reason == "epoch_changed"
                    async with GrpcDoor(address).session() as follower:
                        subscribed = await follower.subscribe(room, cursor=cursor)
                        assert subscribed.recovered is False
                        assert (await follower.inbox.gap()).reason == "epoch_changed"
                        published = await follower.publish(room, "after")
                        for reader in (browser, curl, follower):
                            event = await reader.inbox.event()
                            assert event.event_id == published.event_id
