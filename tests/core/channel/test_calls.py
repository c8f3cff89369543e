"""The calls that make, show, change and delete channels, and that read their history."""

import asyncio

import pytest
from google.protobuf.duration_pb2 import Duration

from blackroad.core.channel import calls, changes
from blackroad.core.channel.calls import ChannelCalls
from blackroad.core.errors import Code, Rejection
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Action, Identity, grant
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.settings import NamespaceSettings
from blackroad.realtime.v1 import channel_pb2
from tests.core.channel.world import ADA, ADMIN, BOB, World, identity, open_world

PRIVATE = channel_pb2.CHANNEL_ACCESS_PRIVATE


def get(name: str) -> channel_pb2.GetChannelRequest:
    return channel_pb2.GetChannelRequest(name=name)


def update(name: str, *paths: str, etag: str = "") -> channel_pb2.UpdateChannelRequest:
    request = channel_pb2.UpdateChannelRequest(name=name, etag=etag)
    request.update_mask.paths.extend(paths)
    return request


async def listed(
    world: World, who: Identity = ADMIN, pattern: str = "", size: int = 0
) -> list[str]:
    """Return the names of all pages."""
    names: list[str] = []
    token = ""
    while True:
        answer = await world.calls.list_channels(
            who,
            channel_pb2.ListChannelsRequest(pattern=pattern, page_size=size, page_token=token),
        )
        assert not size or len(answer.channels) <= size
        names += [channel.name for channel in answer.channels]
        token = answer.next_page_token
        if not token:
            return names


async def test_a_made_channel_is_shown_as_it_was_made(world: World) -> None:
    request = channel_pb2.CreateChannelRequest(name="plans", metadata_json='{"topic": "x"}')
    request.policy.access = PRIVATE
    request.policy.max_members = 0
    request.policy.history_ttl.CopyFrom(Duration(seconds=60))
    made = (await world.calls.create_channel(ADMIN, request)).channel
    assert (made.name, made.owner, made.created) == ("plans", "admin", True)
    assert made.metadata_json == '{"topic": "x"}'
    assert made.policy.access == PRIVATE
    assert made.policy.max_members == 0
    assert made.policy.history_limit == 100
    assert made.policy.history_ttl.seconds == 60
    assert made.create_time.ToNanoseconds() == world.clock.time_ns()
    assert made.etag
    assert (await world.calls.get_channel(ADMIN, get("plans"))).channel == made


async def test_making_needs_manage(world: World) -> None:
    with pytest.raises(Rejection) as refused:
        await world.make("plans", by=ADA)
    assert refused.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", Code.MISSING_FIELD),
        ("a.*", Code.INVALID_NAME),
        ("a b", Code.INVALID_NAME),
        ("stream.x", Code.FORBIDDEN),
        ("presence.channel.x", Code.FORBIDDEN),
        ("agents", Code.ALREADY_EXISTS),
    ],
)
async def test_a_name_that_cannot_be_made_is_refused(world: World, name: str, code: Code) -> None:
    with pytest.raises(Rejection) as refused:
        await world.make(name)
    assert refused.value.code is code


async def test_of_many_who_make_the_same_channel_one_does(world: World) -> None:
    results = await asyncio.gather(
        *(world.make("plans") for _ in range(10)), return_exceptions=True
    )
    codes = [result.code for result in results if isinstance(result, Rejection)]
    assert codes == [Code.ALREADY_EXISTS] * 9
    assert len((await world.log.history("acme.plans", 100)).entries) == 1


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ("[]", Code.BAD_FRAME),
        ("{", Code.BAD_FRAME),
        ('{"a": "' + "x" * 4096 + '"}', Code.TOO_LARGE),
    ],
    ids=["no object", "no JSON", "too long"],
)
async def test_bad_metadata_is_refused(world: World, metadata: str, code: Code) -> None:
    request = channel_pb2.CreateChannelRequest(name="plans", metadata_json=metadata)
    with pytest.raises(Rejection) as refused:
        await world.calls.create_channel(ADMIN, request)
    assert refused.value.code is code


async def test_a_tenant_makes_so_many_channels_at_most(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MAX_CHANNELS", 2)
    await world.make("a")
    await world.make("b")
    with pytest.raises(Rejection) as refused:
        await world.make("c")
    assert refused.value.code is Code.TOO_LARGE
    await world.make("c", by=identity("admin", *ADMIN.grants, tenant="other"))
    await world.calls.delete_channel(ADMIN, channel_pb2.DeleteChannelRequest(name="a"))
    await world.make("c")


async def test_a_hundred_first_members_and_no_more(world: World) -> None:
    await world.make("a", *(f"m{n}" for n in range(100)))
    assert world.directory.ledger.store.member_count("acme.a") == 101  # and the caller
    with pytest.raises(Rejection) as refused:
        await world.make("b", *(f"m{n}" for n in range(101)))
    assert refused.value.code is Code.TOO_LARGE


async def test_a_channel_exists_when_it_is_first_used(world: World) -> None:
    with pytest.raises(Rejection) as refused:
        await world.calls.get_channel(ADA, get("lobby"))
    assert refused.value.code is Code.NOT_FOUND
    offsets = await world.say(ADA, "lobby", "a", "b")
    channel = (await world.calls.get_channel(ADA, get("lobby"))).channel
    assert not channel.created
    assert channel.last_offset == offsets[-1]
    assert channel.create_time.ToNanoseconds() == world.clock.time_ns()


async def test_the_default_channels_are_there_from_the_start(world: World) -> None:
    assert await listed(world, ADA) == ["agents", "alerts", "broadcast", "tasks"]
    agents = (await world.calls.get_channel(ADA, get("agents"))).channel
    assert agents.policy.presence
    assert agents.policy.max_members == 0


async def test_a_private_channel_is_not_found_by_others(world: World) -> None:
    await world.make("plans", "ada", access=PRIVATE)
    await world.calls.get_channel(ADA, get("plans"))
    with pytest.raises(Rejection) as refused:
        await world.calls.get_channel(BOB, get("plans"))
    assert refused.value.code is Code.NOT_FOUND
    assert "plans" in await listed(world, ADA)
    assert "plans" not in await listed(world, BOB)


async def test_a_public_channel_without_a_grant_is_forbidden(world: World) -> None:
    await world.make("lobby")
    with pytest.raises(Rejection) as refused:
        await world.calls.get_channel(identity("x", grant("y", [Action.SUBSCRIBE])), get("lobby"))
    assert refused.value.code is Code.FORBIDDEN


@pytest.mark.parametrize("size", [1, 2, 3, 50])
async def test_pages_of_any_size_list_each_channel_once_by_name(world: World, size: int) -> None:
    for name in ("m.b", "m.a", "m.c"):
        await world.make(name)
    for name in ("u.b", "m.aa", "u.a", "m.b"):
        await world.say(ADMIN, name, "used")
    used = ["m.a", "m.aa", "m.b", "m.c", "u.a", "u.b"]
    assert await listed(world, ADA, size=size) == sorted(
        [*used, "agents", "alerts", "broadcast", "tasks"]
    )
    assert await listed(world, ADA, "m.*", size) == ["m.a", "m.aa", "m.b", "m.c"]


async def test_made_channels_are_listed_in_their_place_among_many_used_ones(world: World) -> None:
    used = [f"u{number:03}" for number in range(600)]
    for name in used:
        await world.say(ADMIN, name, "used")
    made = ["a", "u100a", "u400a", "z"]
    for name in made:
        await world.make(name)
    names = await listed(world, ADA, size=500)
    assert names == sorted([*used, *made, "agents", "alerts", "broadcast", "tasks"])


async def test_pages_go_on_where_most_channels_are_not_the_callers(world: World) -> None:
    """More unreadable channels than one call looks at lie before the readable one."""
    own = identity("x", grant("z", [Action.SUBSCRIBE]))
    for number in range(2100):
        await world.say(ADMIN, f"y{number}", "used")
    await world.say(ADMIN, "z", "used")
    first = await world.calls.list_channels(own, channel_pb2.ListChannelsRequest())
    assert not first.channels
    assert first.next_page_token
    assert await listed(world, own) == ["z"]


async def test_a_listing_stays_in_its_tenant(world: World) -> None:
    await world.make("plans")
    other = identity("admin", *ADMIN.grants, tenant="other")
    assert "plans" not in await listed(world, other)


async def test_a_made_up_page_token_is_refused(world: World) -> None:
    for token in ("%", "A", "_w", "YQ=="):
        with pytest.raises(Rejection) as refused:
            await world.calls.list_channels(ADA, channel_pb2.ListChannelsRequest(page_token=token))
        assert refused.value.code is Code.BAD_FRAME


async def test_an_update_changes_what_its_mask_names_and_the_etag(world: World) -> None:
    made = await world.make("plans", max_members=5)
    world.clock.advance(1)
    request = update("plans", "policy.access", etag=made.etag)
    request.policy.access = PRIVATE
    request.policy.max_members = 9
    request.metadata_json = '{"ignored": true}'
    changed = (await world.calls.update_channel(ADMIN, request)).channel
    assert changed.policy.access == PRIVATE
    assert changed.policy.max_members == 5
    assert changed.metadata_json == "{}"
    assert changed.etag != made.etag
    assert changed.create_time == made.create_time
    assert changed.update_time.ToNanoseconds() == world.clock.time_ns()
    with pytest.raises(Rejection) as refused:
        await world.calls.update_channel(ADMIN, request)
    assert refused.value.code is Code.CONFLICT
    assert changed.etag in refused.value.message


async def test_of_many_updates_with_the_same_etag_one_holds(world: World) -> None:
    made = await world.make("plans")
    results = await asyncio.gather(
        *(
            world.calls.update_channel(ADMIN, update("plans", "policy", etag=made.etag))
            for _ in range(9)
        ),
        return_exceptions=True,
    )
    codes = [result.code for result in results if isinstance(result, Rejection)]
    assert codes == [Code.CONFLICT] * 8


async def test_metadata_is_updated_where_the_mask_names_it(world: World) -> None:
    await world.make("plans", max_members=5)
    request = update("plans", "metadata_json")
    request.metadata_json = '{"a": 1}'
    changed = (await world.calls.update_channel(ADMIN, request)).channel
    assert changed.metadata_json == '{"a": 1}'
    assert changed.policy.max_members == 5


@pytest.mark.parametrize(
    ("paths", "code"),
    [((), Code.MISSING_FIELD), (("policy.nothing",), Code.BAD_FRAME), (("owner",), Code.BAD_FRAME)],
)
async def test_a_mask_of_nothing_or_of_no_field_is_refused(
    world: World, paths: tuple[str, ...], code: Code
) -> None:
    await world.make("plans")
    with pytest.raises(Rejection) as refused:
        await world.calls.update_channel(ADMIN, update("plans", *paths))
    assert refused.value.code is code


async def test_a_channel_in_use_may_be_given_a_policy(world: World) -> None:
    await world.say(ADMIN, "lobby", "a")
    seen = (await world.calls.get_channel(ADMIN, get("lobby"))).channel.etag
    request = update("lobby", "policy.presence", etag=seen)
    request.policy.presence = True
    changed = (await world.calls.update_channel(ADMIN, request)).channel
    assert changed.policy.presence
    assert not changed.created
    with pytest.raises(Rejection) as refused:
        await world.calls.update_channel(ADMIN, update("never.used", "policy"))
    assert refused.value.code is Code.NOT_FOUND


async def test_a_deleted_channel_has_neither_policy_nor_members_nor_history(world: World) -> None:
    made = await world.make("plans", "ada", access=PRIVATE)
    await world.say(ADA, "plans", "secret")
    request = channel_pb2.DeleteChannelRequest(name="plans", etag="stale")
    with pytest.raises(Rejection) as refused:
        await world.calls.delete_channel(ADMIN, request)
    assert refused.value.code is Code.CONFLICT
    request.etag = made.etag
    await world.calls.delete_channel(ADMIN, request)
    assert not world.directory.policy("acme.plans").private
    assert world.directory.ledger.store.member_count("acme.plans") == 0
    assert await world.history(ADMIN, "plans") == []
    with pytest.raises(Rejection) as missing:
        await world.calls.get_channel(ADMIN, channel_pb2.GetChannelRequest(name="plans"))
    assert missing.value.code is Code.NOT_FOUND
    again = await world.make("plans", access=PRIVATE)
    assert again.etag != made.etag
    assert not world.directory.may_read(ADA, "acme.plans")


async def test_history_is_read_in_pages_both_ways(world: World) -> None:
    offsets = await world.say(ADA, "lobby", *"abcdef")

    async def page(**bound: int) -> tuple[str, bool]:
        request = channel_pb2.ListEventsRequest(channel="lobby", limit=2, **bound)
        answer = await world.calls.list_events(ADA, request)
        return "".join(event.text for event in answer.events), answer.more

    assert await page() == ("ef", True)
    assert await page(before=offsets[4]) == ("cd", True)
    assert await page(before=offsets[2]) == ("ab", False)
    assert await page(after=offsets[1]) == ("cd", True)
    assert await page(after=offsets[3]) == ("ef", False)
    assert await page(before=0) == ("", False)


async def test_history_is_read_with_the_rights_of_now(world: World) -> None:
    await world.make("plans", "ada", access=PRIVATE)
    await world.say(ADA, "plans", "a")
    assert await world.history(ADA, "plans") == ["a"]
    await world.calls.remove_member(
        ADMIN, channel_pb2.RemoveMemberRequest(channel="plans", subject="ada")
    )
    with pytest.raises(Rejection) as refused:
        await world.history(ADA, "plans")
    assert refused.value.code is Code.NOT_MEMBER


async def test_more_does_not_tell_of_what_may_not_be_read(world: World) -> None:
    await world.make("plans", access=PRIVATE, history_before_join=False)
    await world.say(ADMIN, "plans", *"abc")
    await world.calls.add_member(
        ADMIN, channel_pb2.AddMemberRequest(channel="plans", subject="ada")
    )
    request = channel_pb2.ListEventsRequest(channel="plans", limit=2)
    answer = await world.calls.list_events(ADA, request)
    assert (len(answer.events), answer.more) == (0, False)
    request.after = 0
    answer = await world.calls.list_events(ADA, request)
    assert (len(answer.events), answer.more) == (0, False)


async def test_an_expired_event_is_not_in_the_history(world: World) -> None:
    request = channel_pb2.PublishRequest(channel="lobby")
    request.events.add(text="short").ttl.CopyFrom(Duration(seconds=1))
    request.events.add(text="long")
    await world.publisher.publish(ADA, "", request)
    await world.catch_up()
    assert await world.history(ADA, "lobby") == ["short", "long"]
    world.clock.advance(2)
    assert await world.history(ADA, "lobby") == ["long"]


async def test_a_rule_is_the_default_of_made_channels_beneath_it() -> None:
    rule = NamespaceSettings(presence=True, max_members=3)
    async with open_world({"team.>": rule}) as world:
        made = await world.make("team.red", access=PRIVATE)
        assert made.policy.presence
        assert made.policy.max_members == 3


async def test_a_change_that_the_node_does_not_come_to_apply_is_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "APPLY_SECONDS", 0.01)
    stopped = Hub(MemoryLog(MemoryLogSettings(), world.clock))
    calls = ChannelCalls(
        world.log, stopped, world.directory, world.occupants, world.publisher, world.clock
    )
    with pytest.raises(Rejection) as refused:
        await calls.create_channel(ADMIN, channel_pb2.CreateChannelRequest(name="plans"))
    assert refused.value.code is Code.UNKNOWN
