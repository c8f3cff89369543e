"""What a session may follow, before it subscribes and after a change."""

import pytest

from blackroad.core.channel.control import Change, What
from blackroad.core.channel.rights import Rights
from blackroad.core.errors import Code, Rejection
from blackroad.core.names import unscope
from blackroad.realtime.v1 import channel_pb2
from tests.core.channel.world import ADA, BOB, World

PRIVATE = channel_pb2.CHANNEL_ACCESS_PRIVATE


async def test_a_refusal_says_which_of_the_names_is_meant(world: World) -> None:
    await world.make("plans", "bob", access=PRIVATE)
    rights = Rights(world.directory)
    rights.check(BOB, ["lobby", "plans"])
    with pytest.raises(Rejection) as refused:
        rights.check(ADA, ["lobby", "plans"])
    assert refused.value.code is Code.NOT_MEMBER
    assert refused.value.channel == "plans"


async def test_a_right_is_lost_with_the_channel_or_the_membership_and_not_before(
    world: World,
) -> None:
    await world.make("plans", "bob", access=PRIVATE)
    rights, key = Rights(world.directory), ADA.key("plans")
    removed = Change(key, What.MEMBER_REMOVED, "ada")
    assert rights.lost(ADA, removed) is Code.NOT_MEMBER
    assert rights.lost(BOB, removed) is None
    assert rights.lost(BOB, Change(key, What.DELETED)) is Code.NOT_FOUND


async def test_a_pattern_shows_the_private_channels_of_who_asks_and_a_name_none(
    world: World,
) -> None:
    await world.make("plans.ours", "ada", access=PRIVATE)
    await world.make("plans.theirs", "bob", access=PRIVATE)
    rights = Rights(world.directory)
    topics = [ADA.key("plans.*"), ADA.key("plans.ours")]
    assert {unscope(key) for key in rights.private(ADA, topics)} == {"plans.ours"}
    assert rights.private(ADA, topics[1:]) == set()
