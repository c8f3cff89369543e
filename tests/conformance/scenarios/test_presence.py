"""Who is here: told once for each change, at once after a goodbye, after the grace otherwise."""

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from blackroad.realtime.v1 import common_pb2, presence_pb2, presence_pb2_grpc
from tests.conformance.conftest import Deployment
from tests.conformance.doors import Door, Session
from tests.conformance.grpc_door import dialled
from tests.conformance.records import Event
from tests.conformance.sse_door import SseDoor
from tests.conformance.sse_frames import checked

CLEAN_SECONDS = 1.0 * 10  # the promise, with room for a busy machine
GRACE_SECONDS = 5.0


def status_of(event: Event) -> object:
    return event.field("status")


async def next_but_online(observer: Session) -> object:
    """Return the next status that is another; entries may change while the status stays."""
    while (status := status_of(await observer.inbox.event())) == "online":
        pass
    return status


async def observe(stack: AsyncExitStack, doors: list[Door], room: str) -> list[Session]:
    observers = [await stack.enter_async_context(door.session("observer")) for door in doors]
    for observer in observers:
        await observer.subscribe(room)
    return observers


async def test_coming_and_going_is_told_once_at_every_door(
    deployment: Deployment, doors: list[Door]
) -> None:
    name = f"visitor-{uuid4().hex[:8]}"
    async with AsyncExitStack() as stack:
        observers = await observe(stack, doors, f"presence.user.{name}")
        async with deployment.door("websocket").session(name):
            for observer in observers:
                event = await observer.inbox.event()
                assert (event.type, status_of(event)) == ("presence.status", "online")
            left = asyncio.get_running_loop().time()
        for observer in observers:
            async with asyncio.timeout(CLEAN_SECONDS):
                event = await observer.inbox.event()
            assert status_of(event) == "offline"
        # A clean leave does not wait for the grace.
        assert asyncio.get_running_loop().time() - left < GRACE_SECONDS
        async with deployment.door("websocket").session(name):
            assert status_of(await observers[0].inbox.event()) == "online"


@pytest.mark.slow
async def test_a_lost_connection_is_told_after_the_grace_and_a_reload_never(
    deployment: Deployment, doors: list[Door]
) -> None:
    name = f"visitor-{uuid4().hex[:8]}"
    websocket = deployment.door("websocket")
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        observers = await observe(stack, doors, f"presence.user.{name}")
        async with websocket.session(name) as visitor:
            for observer in observers:
                assert status_of(await observer.inbox.event()) == "online"
            await visitor.drop()
        async with websocket.session(name) as visitor:  # the reload: nobody hears of it
            await visitor.drop()
            lost = loop.time()
        for observer in observers:
            assert await next_but_online(observer) == "offline"
        passed = loop.time() - lost
    assert GRACE_SECONDS - 1 < passed < GRACE_SECONDS + CLEAN_SECONDS


async def test_an_entity_is_as_present_as_its_most_present_session(
    deployment: Deployment, doors: list[Door]
) -> None:
    name = f"visitor-{uuid4().hex[:8]}"
    websocket = deployment.door("websocket")
    async with AsyncExitStack() as stack:
        observers = await observe(stack, doors, f"presence.user.{name}")
        async with websocket.session(name):
            for observer in observers:
                assert status_of(await observer.inbox.event()) == "online"
            async with websocket.session(name):
                pass
            # The second tab came and went, and the status stayed.
        for observer in observers:
            assert await next_but_online(observer) == "offline"
            assert observer.inbox.items.empty()


async def test_rest_and_grpc_say_who_is_here(deployment: Deployment) -> None:
    name = f"visitor-{uuid4().hex[:8]}"
    asked = presence_pb2.GetPresenceRequest(entity_type=common_pb2.ENTITY_KIND_USER, entity_id=name)
    async with (
        SseDoor(deployment.http).session() as http,
        dialled(deployment.grpc) as channel,
        deployment.door("websocket").session(name),
    ):
        found = checked(await http.http.get(f"/v1/presence/user/{name}")).json()
        assert (found["entity_id"], found["entity_type"]) == (name, "user")
        assert found["status"] == "online"
        assert len(found["sessions"]) == 1
        same = await presence_pb2_grpc.PresenceServiceStub(channel).GetPresence(asked)
        assert same.presence.status == presence_pb2.PRESENCE_STATUS_ONLINE
        listed = checked(await http.http.get("/v1/presence?entity_type=user&page_size=500")).json()
        assert name in {entity["entity_id"] for entity in listed["items"]}
        nobody = checked(await http.http.get("/v1/presence/user/nobody-of-this-name")).json()
        assert nobody["status"] == "offline"


async def test_the_five_agents_are_here(deployment: Deployment) -> None:
    async with SseDoor(deployment.http).session() as http:
        listed = checked(await http.http.get("/v1/agents")).json()
        names = {entity["entity_id"] for entity in listed["items"]}
        assert {"LUCIDIA", "ALICE", "OCTAVIA", "PRISM", "ECHO"} <= names


async def test_a_tracking_service_is_here_until_it_leaves(deployment: Deployment) -> None:
    """`Track` makes the entry of whoever is no browser and no worker."""
    name = f"tracker-{uuid4().hex[:8]}"
    token = deployment.token(name, (">", "presence"), ("presence.>", "presence"), kind="service")
    async with (
        deployment.door("sse").session("observer") as observer,
        dialled(deployment.grpc) as channel,
    ):
        await observer.subscribe(f"presence.service.{name}")
        tracks = presence_pb2_grpc.PresenceServiceStub(channel)
        call = tracks.Track(metadata=(("authorization", f"Bearer {token}"),))
        await call.write(
            presence_pb2.TrackRequest(announce=presence_pb2.Announce(metadata_json='{"a": 1}'))
        )
        event = await observer.inbox.event()
        assert status_of(event) == "online"
        assert event.field("metadata") == {"a": 1}
        await call.write(presence_pb2.TrackRequest(leave=common_pb2.Leave()))
        assert status_of(await observer.inbox.event()) == "offline"
        call.cancel()
