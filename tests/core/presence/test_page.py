"""Lists of who is present, page by page."""

import pytest

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.presence.entity import Status
from tests.core.presence.world import ADA, BOB, LUCIDIA, TENANT, World, identity

ONLINE, AWAY, BUSY = Status.ONLINE, Status.AWAY, Status.BUSY


def status(world: World, who: Identity) -> str:
    return Status(world.roster.get(who.tenant, who.kind, who.subject).status).word


async def test_a_list_pages_by_type_and_id(world: World) -> None:
    for number in range(7):
        await world.roster.enter(identity(f"u{number}"), f"se_{number}", AWAY if number % 2 else 0)
    await world.roster.enter(LUCIDIA, "se_a")
    await world.roster.enter(identity("eve", tenant="other"), "se_o")
    found: list[str] = []
    token, pages = "", 0
    while pages == 0 or token:
        page, token = world.roster.list(TENANT, page_size=3, page_token=token)
        found += [presence.entity_id for presence in page]
        pages += 1
    assert found == ["LUCIDIA", *(f"u{number}" for number in range(7))]
    assert pages == 3
    away, token = world.roster.list(TENANT, Kind.USER, AWAY)
    assert ([presence.entity_id for presence in away], token) == (["u1", "u3", "u5"], "")
    assert world.roster.list(TENANT, Kind.SERVICE) == ([], "")


async def test_those_who_left_are_listed_only_when_asked_for(world: World) -> None:
    await world.roster.enter(ADA, "se_1")
    await world.roster.enter(BOB, "se_2")
    await world.roster.leave("se_1", clean=True)
    here, _ = world.roster.list(TENANT)
    gone, _ = world.roster.list(TENANT, status=Status.OFFLINE)
    assert [presence.entity_id for presence in here] == ["bob"]
    assert [presence.entity_id for presence in gone] == ["ada"]
    assert gone[0].last_seen_time.seconds == 1_700_000_000


@pytest.mark.parametrize("token", ["?", "äö", "_w", "A"])
async def test_a_page_token_from_elsewhere_is_refused(world: World, token: str) -> None:
    with pytest.raises(Rejection) as refused:
        world.roster.list(TENANT, page_token=token)
    assert refused.value.code is Code.BAD_FRAME


async def test_a_page_token_cannot_reach_another_tenant(world: World) -> None:
    await world.roster.enter(identity("eve", tenant="other"), "se_o")
    _, token = world.roster.list("other", page_size=0)
    assert world.roster.list(TENANT, page_token=token) == ([], "")
    assert status(world, identity("eve")) == "offline"
