"""What the roster refuses, and how much of it there may be."""

import pytest

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.presence.entity import Status
from tests.core.presence.world import ADA, BOB, LUCIDIA, TENANT, World, identity, open_world

ONLINE, AWAY, BUSY = Status.ONLINE, Status.AWAY, Status.BUSY


def status(world: World, who: Identity) -> str:
    return Status(world.roster.get(who.tenant, who.kind, who.subject).status).word


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"status": Status.OFFLINE}, Code.BAD_FRAME),
        ({"status": 77}, Code.BAD_FRAME),
        ({"metadata_json": "[1]"}, Code.BAD_FRAME),
        ({"metadata_json": "{"}, Code.BAD_FRAME),
        ({"metadata_json": '{"a":' * 40 + "1" + "}" * 40}, Code.BAD_FRAME),
        ({"metadata_json": '{"a":"' + "x" * 4096 + '"}'}, Code.TOO_LARGE),
        ({"capabilities": [f"c{n}" for n in range(65)]}, Code.TOO_LARGE),
        ({"capabilities": ["x" * 129]}, Code.TOO_LARGE),
        ({"capabilities": [""]}, Code.BAD_FRAME),
    ],
)
async def test_what_is_out_of_bounds_is_refused_and_changes_nothing(
    world: World, said: dict[str, object], code: Code
) -> None:
    with pytest.raises(Rejection) as refused:
        await world.roster.enter(ADA, "se_1", **said)  # type: ignore[arg-type]  # by name
    assert refused.value.code is code
    assert len(world.roster) == 0
    await world.roster.enter(ADA, "se_1", BUSY, '{"a":1}', ["code"])
    before = world.roster.get(TENANT, Kind.USER, "ada")
    with pytest.raises(Rejection):
        await world.roster.update("se_1", **({"status": AWAY} | said))  # type: ignore[arg-type]  # by name
    after = world.roster.get(TENANT, Kind.USER, "ada")
    assert after == before


async def test_who_has_not_entered_has_nothing_to_update(world: World) -> None:
    with pytest.raises(Rejection) as refused:
        await world.roster.update("se_1", BUSY)
    assert refused.value.code is Code.NOT_FOUND


async def test_a_gateway_has_no_presence(world: World) -> None:
    with pytest.raises(Rejection) as refused:
        await world.roster.enter(identity("edge", Kind.GATEWAY), "se_1")
    assert refused.value.code is Code.FORBIDDEN


async def test_sessions_and_entities_are_bounded() -> None:
    async with open_world(World(max_entities=2, max_sessions=2)) as world:
        await world.roster.enter(ADA, "se_1")
        await world.roster.enter(ADA, "se_2")
        with pytest.raises(Rejection) as refused:
            await world.roster.enter(ADA, "se_3")
        assert refused.value.code is Code.RATE_LIMITED
        await world.roster.enter(ADA, "se_2", AWAY)  # which it has already
        await world.roster.enter(BOB, "se_3")
        with pytest.raises(Rejection) as refused:
            await world.roster.enter(LUCIDIA, "se_4")
        assert refused.value.code is Code.UNAVAILABLE
        await world.roster.leave("se_3", clean=True)
        await world.roster.enter(LUCIDIA, "se_4")
