"""A private channel is its members', whatever else a grant covers, by name, pattern and history."""

import pytest

from tests.conformance.channels import Owner
from tests.conformance.conftest import Deployment
from tests.conformance.doors import Door
from tests.conformance.records import Refused, Unsubscribed
from tests.conformance.sse_door import SseDoor
from tests.conformance.sse_frames import checked

READ = ("conformance.>", "subscribe publish")
BROADCAST = ("broadcast", "subscribe")  # every SSE stream follows it


async def test_who_is_no_member_gets_nothing(deployment: Deployment, door: Door, room: str) -> None:
    owner = Owner(deployment, room)
    private = await owner.create("private", access="private")
    token = deployment.token("stranger", READ, BROADCAST)
    async with door.session("stranger", token) as stranger:
        for attempt in (
            stranger.subscribe(private),
            stranger.subscribe(private, history=10),
            stranger.publish(private, "let me in"),
            stranger.history(private, 10),
        ):
            with pytest.raises(Refused) as refused:
                await attempt
            assert refused.value.code == "not_member"
        await stranger.subscribe(f"{room}.*", history=10)
        await owner.publish(private, "a secret")
        seen = await owner.publish(f"{room}.public", "for all")
        assert (await stranger.inbox.said()).event_id == seen.event_id
        cursor = stranger.inbox.cursor
    await owner.publish(private, "another secret")
    last = await owner.publish(f"{room}.public", "for all")
    async with door.session("stranger", token) as stranger:
        await stranger.subscribe(f"{room}.*", cursor=cursor)
        assert (await stranger.inbox.said()).event_id == last.event_id


async def test_a_member_reads_by_name_by_pattern_and_from_history(
    deployment: Deployment, door: Door, room: str
) -> None:
    owner = Owner(deployment, room)
    private = await owner.create("private", access="private")
    first = await owner.publish(private, "before")
    await owner.add(private, "member")
    token = deployment.token("member", READ, BROADCAST)
    async with door.session("member", token) as member:
        kept = [event for event in await member.history(private, 10) if event.type == "message"]
        assert [event.event_id for event in kept] == [first.event_id]
    for followed in (private, f"{room}.*"):
        async with door.session("member", token) as member:
            await member.subscribe(followed)
            seen = await member.publish(private, "hello")
            event = await member.inbox.said()
            assert (event.event_id, event.channel) == (seen.event_id, private)
            assert event.sender == "member"


@pytest.mark.parametrize("by_pattern", [False, True], ids=["name", "pattern"])
async def test_after_a_removal_nothing_is_delivered(
    deployment: Deployment, doors: list[Door], door: Door, room: str, by_pattern: bool
) -> None:
    owner = Owner(deployment, room)
    private = await owner.create("private", access="private")
    await owner.add(private, "member")
    await owner.add(private, "friend")
    token = deployment.token("member", READ, BROADCAST)
    friends = deployment.token("friend", READ, BROADCAST)
    followed = f"{room}.*" if by_pattern else private
    async with (
        door.session("member", token) as member,
        doors[1].session("friend", friends) as friend,
    ):
        await friend.subscribe(private)
        start = await member.subscribe(followed)
        before = await owner.publish(private, "still for you")
        assert (await member.inbox.said()).event_id == before.event_id
        await owner.remove(private, "member")
        await owner.publish(private, "not for you")
        if by_pattern:
            last = await owner.publish(f"{room}.public", "for all")
            assert (await member.inbox.said()).event_id == last.event_id
        else:
            assert (await member.inbox.ended()).code in {"not_member", "forbidden"}
        for content in ("still for you", "not for you"):
            assert (await friend.inbox.said()).content == content
    async with door.session("member", token) as member:
        with pytest.raises(Refused) as refused:
            await member.subscribe(private, cursor=start.cursor)
        assert refused.value.code == "not_member"
        with pytest.raises(Refused):
            await member.history(private, 10)


async def test_a_new_member_of_a_followed_pattern_hears_from_then_on(
    deployment: Deployment, door: Door, room: str
) -> None:
    owner = Owner(deployment, room)
    private = await owner.create("private", access="private")
    token = deployment.token("member", READ, BROADCAST)
    async with door.session("member", token) as member:
        await member.subscribe(f"{room}.*")
        await owner.publish(private, "too early")
        await owner.add(private, "member")
        seen = await owner.publish(private, "now")
        assert (await member.inbox.said()).event_id == seen.event_id


async def test_what_a_channel_says_of_itself_names_it_also_under_a_pattern(
    deployment: Deployment, door: Door, room: str
) -> None:
    owner = Owner(deployment, room)
    private = await owner.create("private", access="private")
    await owner.add(private, "member")
    token = deployment.token("member", READ, BROADCAST)
    async with door.session("member", token) as member:
        await member.subscribe(f"{room}.*")
        await owner.add(private, "friend")
        added = await member.inbox.of_type("channel.member_added")
        assert added.channel == private


async def test_what_becomes_private_is_delivered_to_nobody_else(
    deployment: Deployment, door: Door, room: str
) -> None:
    owner = Owner(deployment, room)
    name = await owner.create("open")
    token = deployment.token("stranger", READ, BROADCAST)
    async with (
        door.session("stranger", token) as named,
        door.session("stranger", token) as general,
    ):
        await named.subscribe(name)
        await general.subscribe(f"{room}.*")
        before = await owner.publish(name, "for all")
        assert (await named.inbox.said()).event_id == before.event_id
        assert (await general.inbox.said()).event_id == before.event_id
        await owner.change(name, access="private")
        await owner.publish(name, "for members")
        assert (await named.inbox.ended()).code in {"not_member", "forbidden"}
        last = await owner.publish(f"{room}.public", "for all")
        assert (await general.inbox.said()).event_id == last.event_id


async def test_an_invitation_makes_a_member_as_often_as_it_says(
    deployment: Deployment, door: Door, room: str
) -> None:
    owner = Owner(deployment, room)
    private = await owner.create("private", access="private")
    code = await owner.invite(private, max_uses=1)
    for subject, allowed in (("first", True), ("second", False)):
        token = deployment.token(subject, READ, BROADCAST)
        async with SseDoor(deployment.http).session(subject, token) as guest:
            response = await guest.http.post(f"/v1/invitations/{code}")
            if allowed:
                checked(response)
            else:
                assert response.status_code == 404
        async with door.session(subject, token) as guest:
            if allowed:
                await guest.subscribe(private)
            else:
                with pytest.raises(Refused) as refused:
                    await guest.subscribe(private)
                assert refused.value.code == "not_member"


async def test_a_deleted_channel_ends_its_subscriptions(
    deployment: Deployment, session_door: Door, room: str
) -> None:
    owner = Owner(deployment, room)
    name = await owner.create("short-lived")
    async with session_door.session("reader") as reader:
        await reader.subscribe(name)
        await owner.delete(name)
        assert isinstance(await reader.inbox.ended(), Unsubscribed)
        await reader.subscribe(f"{room}.other")
        published = await reader.publish(f"{room}.other", "the session lives")
        assert (await reader.inbox.said()).event_id == published.event_id


async def test_a_grant_is_needed_that_covers_what_is_asked(
    deployment: Deployment, door: Door, room: str
) -> None:
    token = deployment.token("limited", (f"{room}.mine.*", "subscribe"), BROADCAST)
    async with door.session("limited", token) as session:
        if door.several:
            await session.subscribe(f"{room}.mine.a")
        for wider in (f"{room}.mine.>", f"{room}.*", ">", f"{room}.other"):
            with pytest.raises(Refused) as refused:
                await session.subscribe(wider)
            assert refused.value.code == "forbidden", wider
        with pytest.raises(Refused) as refused:
            await session.publish(f"{room}.mine.a", "only reading is granted")
        assert refused.value.code == "forbidden"
