"""An edge that is killed costs its browsers a resume, not an event."""

import asyncio

import pytest

from tests.conformance.doors import Door
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.processes import part

pytestmark = pytest.mark.slow


async def test_browsers_resume_at_an_edge_that_was_started_again(room: str) -> None:
    with part("core", GRPC="127.0.0.1:0") as core:
        address = core.addresses["grpc"]
        async with GrpcDoor(address).session() as agent:
            cursors: list[str] = []
            with part("edge", HTTP="127.0.0.1:0", CORE=address) as edge:
                http = edge.addresses["http"]
                doors: tuple[Door, ...] = (WebSocketDoor(http), SseDoor(http))
                async with doors[0].session("ws") as browser, doors[1].session("sse") as curl:
                    for reader in (browser, curl):
                        await reader.subscribe(room)
                    for number in range(5):
                        await agent.publish(room, number)
                    for reader in (browser, curl):
                        seen = await reader.inbox.events(5)
                        assert [event.content for event in seen] == list(range(5))
                        cursors.append(reader.inbox.cursor)
                    await asyncio.to_thread(edge.process.kill)
                    for reader in (browser, curl):
                        assert (await reader.inbox.closed()).code == ""
            for number in range(5, 10):
                await agent.publish(room, number)
            with part("edge", HTTP=http, CORE=address):
                for door, cursor in zip(doors, cursors, strict=True):
                    async with door.session("again") as reader:
                        subscribed = await reader.subscribe(room, cursor=cursor)
                        assert subscribed.recovered in {True, None}
                        missed = await reader.inbox.caught_up()
                        assert [event.content for event in missed][:5] == list(range(5, 10))
                        published = await agent.publish(room, "live")
                        assert (await reader.inbox.event()).event_id == published.event_id


async def test_a_killed_edges_browsers_leave_after_the_grace_and_the_core_goes_on(
    room: str,
) -> None:
    settings = {"GRPC": "127.0.0.1:0", "PRESENCE__GRACE_SECONDS": "0.5"}
    with part("core", **settings) as core:
        address = core.addresses["grpc"]
        async with GrpcDoor(address).session() as follower:
            await follower.subscribe("presence.user.browser")
            with part("edge", HTTP="127.0.0.1:0", CORE=address) as edge:
                async with WebSocketDoor(edge.addresses["http"]).session("browser"):
                    online = await follower.inbox.event()
                    await asyncio.to_thread(edge.process.kill)
                    offline = await follower.inbox.event()
            statuses = [event.field("status") for event in (online, offline)]
            assert statuses == ["online", "offline"]
            await follower.subscribe(room)
            published = await follower.publish(room, "the core goes on")
            assert (await follower.inbox.event()).event_id == published.event_id
