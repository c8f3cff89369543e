"""Who occupies a channel whose policy has presence on: each identity once, and told."""

import pytest

from tests.conformance.channels import Owner
from tests.conformance.conftest import Deployment
from tests.conformance.doors import Door
from tests.conformance.records import Event, Refused
from tests.conformance.sse_door import SseDoor
from tests.conformance.sse_frames import checked

JOINED = ("room.joined", "channel.member_joined")
LEFT = ("room.left", "channel.member_left")


def said(event: Event) -> tuple[str, object, object]:
    return event.type, event.field("client_id"), event.field("member_count")


async def test_comings_and_goings_are_told_to_who_asked(
    deployment: Deployment, session_door: Door, room: str
) -> None:
    name = await Owner(deployment, room).create("lobby", presence=True)
    websocket = deployment.door("websocket")
    async with session_door.session("host") as host, session_door.session("deaf") as deaf:
        await host.subscribe(name, presence=True)
        joined = await host.inbox.of_type(*JOINED)
        assert said(joined) == ("channel.member_joined", host.subject, 1)
        if session_door.name == "websocket":  # on gRPC, without a token, all are `developer`
            await deaf.subscribe(name)
            joined = await host.inbox.of_type(*JOINED)
            assert said(joined) == ("channel.member_joined", "deaf", 2)
        count = 2 if session_door.name == "websocket" else 1
        async with websocket.session("guest") as guest:
            await guest.subscribe(name)
            joined = await host.inbox.of_type(*JOINED)
            assert said(joined) == ("channel.member_joined", "guest", count + 1)
            async with websocket.session("guest") as tab:
                await tab.subscribe(name)  # one identity: no second coming
        left = await host.inbox.of_type(*JOINED, *LEFT)
        assert said(left) == ("channel.member_left", "guest", count)
        if session_door.name == "websocket":
            published = await host.publish(name, "hello")
            assert (await deaf.inbox.event()).event_id == published.event_id


async def test_unsubscribing_is_leaving(
    deployment: Deployment, session_door: Door, room: str
) -> None:
    name = await Owner(deployment, room).create("lobby", presence=True)
    async with (
        deployment.door("websocket").session("host") as host,
        session_door.session("guest") as guest,
    ):
        await host.subscribe(name, presence=True)
        await host.inbox.of_type(*JOINED)
        await guest.subscribe(name)
        joined = await host.inbox.of_type(*JOINED)
        assert said(joined) == ("channel.member_joined", guest.subject, 2)
        await guest.unsubscribe(name)
        left = await host.inbox.of_type(*LEFT)
        assert said(left) == ("channel.member_left", guest.subject, 1)


async def test_a_room_that_nobody_made_speaks_of_rooms(deployment: Deployment) -> None:
    """`agents` has presence by the settings, not by CreateChannel."""
    websocket = deployment.door("websocket")
    async with websocket.session("host-of-agents") as host:
        await host.subscribe("agents", presence=True)
        while said(await host.inbox.of_type("room.joined"))[1] != "host-of-agents":
            pass
        async with websocket.session("guest-of-agents") as guest:
            await guest.subscribe("agents")
            while said(joined := await host.inbox.of_type("room.joined"))[1] != "guest-of-agents":
                pass
            assert joined.channel == "agents"
        while said(await host.inbox.of_type("room.left"))[1] != "guest-of-agents":
            pass


async def test_sse_readers_and_patterns_occupy_nothing(deployment: Deployment, room: str) -> None:
    name = await Owner(deployment, room).create("lobby", presence=True)
    websocket, sse = deployment.door("websocket"), deployment.door("sse")
    async with (
        websocket.session("host") as host,
        websocket.session("watcher") as watcher,
        sse.session("reader") as reader,
        SseDoor(deployment.http).session() as http,
    ):
        await host.subscribe(name)
        await watcher.subscribe(f"{room}.*")
        await reader.subscribe(name)
        found = checked(await http.http.get(f"/v1/channels/{name}/members")).json()
        assert [member["client_id"] for member in found["items"]] == ["host"]
        shown = checked(await http.http.get(f"/v1/channels/{name}")).json()
        assert shown["member_count"] == 1


async def test_a_full_channel_takes_the_next_when_one_has_left(
    deployment: Deployment, session_door: Door, room: str
) -> None:
    name = await Owner(deployment, room).create("small", presence=True, max_members=1)
    async with deployment.door("websocket").session("first") as first:
        await first.subscribe(name)
        async with session_door.session("second") as second:
            with pytest.raises(Refused) as refused:
                await second.subscribe(name)
            assert (refused.value.code, refused.value.retryable) == ("channel_full", True)
            await first.unsubscribe(name)
            await second.subscribe(name)
            published = await first.publish(name, "welcome")
            assert (await second.inbox.event()).event_id == published.event_id


async def test_a_channel_that_was_made_gives_its_members_first(
    deployment: Deployment, room: str
) -> None:
    name = await Owner(deployment, room).create("lobby", presence=True)
    websocket = deployment.door("websocket")
    async with websocket.session("host") as host, websocket.session("late") as late:
        await host.subscribe(name)
        await late.subscribe(name, presence=True)
        snapshot = await late.inbox.of_type("channel.presence_update")
        assert "host" in str(snapshot.field("members"))
