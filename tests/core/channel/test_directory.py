"""Who may read and publish what, and how control events change it before the next event."""

import pytest

from blackroad.core.channel.control import Change, What
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.development import developer_service
from blackroad.core.identity.identity import ALL_ACTIONS, Action, Identity, Kind, grant
from blackroad.core.names import token
from blackroad.core.settings import NamespaceSettings
from blackroad.core.topics import matches
from blackroad.realtime.v1 import channel_pb2
from tests.core.channel.world import ADA, ADMIN, BOB, World, identity, open_world

PRIVATE = channel_pb2.CHANNEL_ACCESS_PRIVATE
NOBODY = Identity("acme", "nobody", Kind.USER)
DEVELOPER = developer_service()


def refusal(world: World, action: Action, who: Identity, name: str) -> Code | None:
    """Return the code with which reading or publishing is refused; None where it is not."""
    directory = world.directory
    try:
        if action is Action.PUBLISH:
            directory.check_publish(who, name)
        else:
            directory.check_read(who, name)
    except Rejection as rejection:
        return rejection.code
    return None


def reading(world: World, who: Identity, name: str) -> Code | None:
    return refusal(world, Action.SUBSCRIBE, who, name)


def publishing(world: World, who: Identity, name: str) -> Code | None:
    return refusal(world, Action.PUBLISH, who, name)


async def test_a_public_channel_is_for_whoever_has_a_grant(world: World) -> None:
    listener = identity("ear", grant("lobby", [Action.SUBSCRIBE]))
    assert reading(world, listener, "lobby") is None
    assert publishing(world, listener, "lobby") is Code.FORBIDDEN
    assert reading(world, NOBODY, "lobby") is Code.FORBIDDEN


async def test_a_private_channel_is_for_members_and_managers_whatever_the_grants(
    world: World,
) -> None:
    await world.make("plans", "nobody", access=PRIVATE)
    for check in (reading, publishing):
        assert check(world, NOBODY, "plans") is None  # membership is itself the right
        assert check(world, ADMIN, "plans") is None
        assert check(world, ADA, "plans") is Code.NOT_MEMBER
        other = identity("other", grant("elsewhere", ALL_ACTIONS))
        assert check(world, other, "plans") is Code.FORBIDDEN


async def test_membership_is_of_one_tenant(world: World) -> None:
    await world.make("plans", "ada", access=PRIVATE)
    namesake = identity("ada", tenant="evil")
    assert not world.directory.may_read(namesake, "acme.plans")
    assert reading(world, namesake, "plans") is None  # another channel: evil.plans, public
    assert world.directory.private_matching(namesake, "acme.>") == []


@pytest.mark.parametrize("name", ["presence.agent.X", "stream.st_1", "system.control"])
async def test_nobody_publishes_what_only_the_server_says(world: World, name: str) -> None:
    assert publishing(world, DEVELOPER, name) is Code.FORBIDDEN
    assert publishing(world, ADMIN, name) is Code.FORBIDDEN


async def test_only_services_publish_to_a_client(world: World) -> None:
    spelled = grant("client.>", [Action.PUBLISH])
    for kind in (Kind.USER, Kind.AGENT):
        assert publishing(world, identity("x", spelled, kind=kind), "client.ada") is Code.FORBIDDEN
    service = identity("x", spelled, kind=Kind.SERVICE)
    assert publishing(world, service, "client.ada") is None
    assert publishing(world, ADMIN, "client.ada") is Code.FORBIDDEN  # its wildcard does not reach


async def test_everybody_reads_what_is_for_its_own_client(world: World) -> None:
    assert reading(world, NOBODY, "client.nobody") is None
    assert reading(world, ADA, "client.nobody") is Code.FORBIDDEN
    assert reading(world, ADA, "client.*") is Code.FORBIDDEN
    strange = Identity("acme", "ada@x.org", Kind.USER)
    assert reading(world, strange, f"client.{token('ada@x.org')}") is None
    assert publishing(world, NOBODY, "client.nobody") is Code.FORBIDDEN


async def test_publishers_of_the_policy_decide_beyond_the_grant(world: World) -> None:
    agent = identity("a", kind=Kind.AGENT)
    manager = identity("m", grant(">", ALL_ACTIONS))
    for name, publishers in [
        ("services", channel_pb2.CHANNEL_PUBLISHERS_SERVICES),
        ("owner", channel_pb2.CHANNEL_PUBLISHERS_OWNER),
        ("server", channel_pb2.CHANNEL_PUBLISHERS_SERVER),
    ]:
        await world.make(name, publishers=publishers)
    allowed = {
        name: [who.subject for who in (ADA, agent, manager) if not publishing(world, who, name)]
        for name in ("services", "owner", "server")
    }
    assert allowed == {"services": ["a"], "owner": ["m"], "server": []}


async def test_users_cannot_raise_alerts(world: World) -> None:
    assert publishing(world, ADA, "alerts") is Code.FORBIDDEN
    assert publishing(world, ADMIN, "alerts") is None


async def test_an_owned_channel_is_for_its_owner_and_grants_that_spell_its_first_token(
    world: World,
) -> None:
    world.directory.owns["conversation"] = lambda identity, key: (
        (identity.subject, key) == ("ada", "acme.conversation.c1")
    )
    spelled = identity("s", grant("conversation.*", [Action.SUBSCRIBE]))
    assert reading(world, ADA, "conversation.c1") is None
    assert publishing(world, ADA, "conversation.c1") is None
    assert reading(world, spelled, "conversation.c1") is None
    assert publishing(world, spelled, "conversation.c1") is Code.FORBIDDEN
    for who in (BOB, ADMIN, identity("b", grant("*.>", ALL_ACTIONS))):
        assert reading(world, who, "conversation.c1") is Code.FORBIDDEN
        assert reading(world, who, "conversation.>") is Code.FORBIDDEN
    assert reading(world, ADA, "conversation.c2") is Code.FORBIDDEN  # nobody's
    assert not matches("acme.>", "acme.conversation.c1")  # no pattern but a spelled one shows it


async def test_a_companion_is_read_by_who_may_read_its_channel(world: World) -> None:
    await world.make("plans", "nobody", access=PRIVATE, presence=True)
    watcher = identity("w", grant("presence.>", [Action.SUBSCRIBE]))
    assert reading(world, ADA, "presence.channel.lobby") is None
    assert reading(world, watcher, "presence.channel.lobby") is None
    assert reading(world, NOBODY, "presence.channel.lobby") is Code.FORBIDDEN
    assert reading(world, NOBODY, "presence.channel.plans") is None
    assert reading(world, ADA, "presence.channel.plans") is Code.NOT_MEMBER
    assert reading(world, watcher, "presence.channel.plans") is Code.FORBIDDEN
    assert reading(world, watcher, "presence.channel.*") is None
    assert world.directory.is_private("acme.presence.channel.plans")
    assert not world.directory.is_private("acme.presence.channel.lobby")


async def test_whoever_follows_a_companion_is_told_of_changes_too(world: World) -> None:
    await world.make("plans", "ada", access=PRIVATE)
    world.changes.clear()
    await world.calls.remove_member(
        ADMIN, channel_pb2.RemoveMemberRequest(channel="plans", subject="ada")
    )
    assert [(change.key, change.what, change.subject) for change in world.changes] == [
        ("acme.plans", What.MEMBER_REMOVED, "ada"),
        ("acme.presence.channel.plans", What.POLICY, "ada"),
    ]


async def test_patterns_show_private_channels_to_those_who_may_read_them(world: World) -> None:
    await world.make("team.red", "ada", access=PRIVATE)
    await world.make("team.blue", "bob", access=PRIVATE)
    await world.make("team.open")
    shown = world.directory.private_matching
    assert world.directory.is_private("acme.team.red")
    assert not world.directory.is_private("acme.team.open")
    assert shown(ADA, "acme.team.*") == ["acme.team.red"]
    assert shown(ADA, "acme.>") == ["acme.team.red"]
    assert shown(ADA, "acme.other.*") == []
    assert sorted(shown(ADMIN, "acme.team.*")) == ["acme.team.blue", "acme.team.red"]
    assert shown(ADA, "acme.presence.channel.>") == ["acme.presence.channel.team.red"]


async def test_a_channel_that_is_private_by_rule_is_shown_from_its_first_event() -> None:
    async with open_world({"team.>": NamespaceSettings(access="private")}) as world:
        assert world.directory.private_matching(ADMIN, "acme.team.*") == []
        assert publishing(world, ADMIN, "team.red") is None
        assert world.changes == [Change("acme.team.red", What.POLICY)]
        assert world.directory.private_matching(ADMIN, "acme.team.*") == ["acme.team.red"]


async def test_listeners_are_told_before_the_event_after_it(world: World) -> None:
    order: list[str] = []
    world.directory.listeners.append(lambda change: order.append(f"{change.what} {change.subject}"))
    world.hub.watch("acme.plans", lambda entry: order.append(entry.type))
    await world.make("plans", access=PRIVATE)
    await world.calls.add_member(
        ADMIN, channel_pb2.AddMemberRequest(channel="plans", subject="ada")
    )
    await world.say(ADA, "plans", "hello")
    concerned = [line for line in order if line != "policy "]
    assert concerned == [
        "member_added admin",
        "channel.created",
        "member_added ada",
        "channel.member_added",
        "message",
    ]


async def test_a_member_reads_what_came_after_it_joined_where_the_policy_says_so(
    world: World,
) -> None:
    await world.make("plans", access=PRIVATE, history_before_join=False)
    await world.say(ADMIN, "plans", "before")
    await world.calls.add_member(
        ADMIN, channel_pb2.AddMemberRequest(channel="plans", subject="ada")
    )
    (after,) = await world.say(ADMIN, "plans", "after")
    assert world.directory.history_floor(ADA, "acme.plans") == after - 1
    assert world.directory.history_floor(ADMIN, "acme.plans") == 0
    assert await world.history(ADA, "plans") == ["after"]
    assert await world.history(ADMIN, "plans") == ["before", "after"]


async def test_nobody_reads_what_was_in_a_channel_before_it_was_deleted(world: World) -> None:
    await world.make("plans", access=PRIVATE)
    await world.say(ADMIN, "plans", "secret")
    await world.calls.delete_channel(ADMIN, channel_pb2.DeleteChannelRequest(name="plans"))
    (offset,) = await world.say(ADA, "plans", "public now")
    assert world.directory.history_floor(ADA, "acme.plans") == offset - 1
    assert world.directory.history_floor(ADMIN, "acme.plans") == offset - 1
    assert await world.history(ADA, "plans") == ["public now"]


async def test_a_client_cannot_forge_a_control_event(world: World) -> None:
    await world.make("plans", access=PRIVATE)
    for event_type in ("channel.member_added", "channel.deleted", "channel.anything"):
        request = channel_pb2.PublishRequest(channel="plans")
        request.events.add(type=event_type, json='{"client_id": "ada", "previous": ""}')
        with pytest.raises(Rejection) as refused:
            await world.publisher.publish(ADMIN, "", request)
        assert refused.value.code is Code.RESERVED_TYPE
    assert reading(world, ADA, "plans") is Code.NOT_MEMBER


async def test_what_is_somebodys_own_is_told_to_be_private(world: World) -> None:
    world.directory.owns["conversation"] = lambda identity, _: identity == ADA
    shown = world.directory.shown_policy
    assert shown("acme.conversation.c1").access == PRIVATE
    assert shown("acme.lobby").access == channel_pb2.CHANNEL_ACCESS_PUBLIC
