"""What only the server says, nobody else can say: types, rooms, senders."""

import json

import pytest

from blackroad.realtime.v1 import channel_pb2
from tests.conformance.conftest import Deployment
from tests.conformance.doors import Door
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.neighbours import neighbours
from tests.conformance.records import Refused
from tests.conformance.sse_door import SseDoor
from tests.conformance.sse_frames import refusal
from tests.conformance.websocket_door import Frame, WebSocketDoor

RESERVED = [
    *("room.joined", "room.left", "room.anything", "channel.member_joined", "channel.x.y"),
    *("presence.status", "presence.update", "agent.response", "agent.status", "agent.thinking"),
    *("welcome", "subscribed", "unsubscribed", "published", "gap", "caught_up", "bookmark"),
    *("closing", "pong", "accepted", "connected", "open", "error", "close"),
    *("ping", "subscribe", "unsubscribe", "publish", "history", "presence", "agent.invoke"),
    *("cancel", "input", "token"),
]
SERVER_ONLY = ["presence.user.somebody", "stream.st_1", "system.control", "presence.agent.ECHO"]


async def test_a_reserved_type_is_refused(door: Door, doors: list[Door], room: str) -> None:
    async with neighbours(doors, room) as others, door.session("forger") as forger:
        for reserved in RESERVED:
            with pytest.raises(Refused) as refused:
                await forger.publish(room, {"room": room, "client_id": "victim"}, event=reserved)
            assert refused.value.code == "reserved_type", reserved
        await others.noticed_nothing()


async def test_types_that_only_look_reserved_are_free(door: Door, room: str) -> None:
    async with door.session("writer") as writer, door.session("reader") as reader:
        await reader.subscribe(room)
        for kind in ("room", "rooms.joined", "channel", "agent.message", "message", "a.error"):
            await writer.publish(room, 1, event=kind)
            assert (await reader.inbox.event()).type == kind


@pytest.mark.parametrize("guarded", SERVER_ONLY)
async def test_rooms_of_the_server_take_nothing(door: Door, guarded: str) -> None:
    async with door.session("forger") as forger:
        with pytest.raises(Refused) as refused:
            await forger.publish(guarded, {"status": "offline"}, event="message")
        assert refused.value.code == "forbidden"


async def test_a_broadcast_of_a_reserved_type_is_refused(deployment: Deployment) -> None:
    async with SseDoor(deployment.http).session() as session:
        for reserved in ("agent.response", "room.joined", "closing"):
            response = await session.http.post(f"/broadcast?event={reserved}", json={})
            assert (response.status_code, refusal(response).code) == (400, "reserved_type")


async def test_the_sender_is_who_sent_it(deployment: Deployment, room: str) -> None:
    lies = {"from": "victim", "sender": "victim", "client_id": "victim", "from_kind": "agent"}
    websocket = WebSocketDoor(deployment.http)
    async with (
        websocket.session("reader") as reader,
        websocket.session("forger") as forger,
        SseDoor(deployment.http).session() as http,
    ):
        await reader.subscribe(room)
        await forger.ask(Frame, type="message", room=room, content="1", **lies)
        assert (await reader.inbox.event()).sender == "forger"
        content = {"channel": room, "content": "2", **lies}
        await http.http.post("/v1/publish", json=content)
        assert (await reader.inbox.event()).sender == http.subject


async def test_the_client_id_must_be_the_tokens_own(deployment: Deployment) -> None:
    token = deployment.token("forger", (">", "subscribe publish"))
    for name in ("websocket", "sse"):
        with pytest.raises(Refused) as refused:
            async with deployment.door(name).session("victim", token) as session:
                await session.subscribe("conformance.a")
        assert refused.value.code == "forbidden", name


async def test_only_an_own_channel_answers_for_a_client(deployment: Deployment) -> None:
    """`client.<id>` is published by services: a user cannot speak there."""
    for name in ("websocket", "sse"):
        async with deployment.door(name).session("forger") as forger:
            with pytest.raises(Refused) as refused:
                await forger.publish("client.victim", "look here")
            assert refused.value.code == "forbidden"


async def test_nobody_takes_a_conversation_by_a_header(deployment: Deployment, room: str) -> None:
    """Only the server notes whose a conversation is, for gRPC and for no browser."""
    conversation = room.partition(".")[2]
    channel = f"conversation.{conversation}"
    forged = {"channel": channel, "content": "mine", "headers": {"owner": "forger"}}
    async with (
        WebSocketDoor(deployment.http).session("forger") as forger,
        WebSocketDoor(deployment.http).session("victim") as victim,
        SseDoor(deployment.http).session() as http,
        GrpcDoor(deployment.grpc).session() as service,
    ):
        with pytest.raises(Refused) as refused:
            await forger.ask(Frame, type="message", **forged)
        assert refused.value.code == "bad_frame"
        response = await http.http.post("/v1/publish", json=forged)
        assert (response.status_code, refusal(response).code) == (400, "bad_frame")
        await forger.publish(channel, "a grant allows this, and it makes no owner")
        invoke = {"agent": "ECHO", "input": "hello", "conversation": conversation}
        await victim.subscribe(channel)
        await victim.connection.send(json.dumps({"type": "agent.invoke", "id": "i", **invoke}))
        said = await victim.inbox.event()
        assert (said.sender, said.content) == ("victim", "hello")
        with pytest.raises(Refused) as refused:
            await forger.ask(Frame, type="agent.invoke", **invoke)
        assert refused.value.code == "forbidden"
        page = (await http.http.get(f"/v1/channels/{channel}/events")).json()["items"]
        assert page
        assert all("headers" not in event for event in page)
        request = channel_pb2.ListEventsRequest(channel=channel)
        told = (await service.channels.ListEvents(request)).events
        owners = {event.headers.get("owner") for event in told}
        assert owners == {None, "victim"}, "the forger's message has none"
