"""What is known of channels: their state, and their keys in pages."""

import pytest

from blackroad.core.log.base import Log
from tests.contract.log.engines import Engine
from tests.contract.log.steps import ALL, NONE, OTHER, ROOM, put, request, say


async def test_the_state_says_the_last_event_and_the_times(engine: Engine, log: Log) -> None:
    first = await say(log, ROOM, "a")
    await engine.pass_time(5)
    last = await say(log, ROOM, "b", "c")
    state = await log.state(ROOM)
    assert state is not None
    assert state.last_offset == last.last_offset
    assert state.last == last.position
    assert state.created_ns == first.time_ns
    assert state.updated_ns == last.time_ns


async def test_a_channel_without_events_has_no_state(log: Log) -> None:
    await say(log, OTHER, "a")
    assert await log.state(ROOM) is None


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 1_000])
async def test_pages_of_names_give_all_in_order(log: Log, limit: int) -> None:
    keys = [f"acme.floor.{number}" for number in range(100)]
    for key in reversed(keys):
        await log.append([request(key, "a")])
    await say(log, "acme.other", "a")
    await say(log, "zebra.floor.1", "a")
    found: list[str] = []
    while page := await log.names("acme.floor.*", found[-1] if found else "", limit):
        assert len(page) <= limit
        found += page
    assert found == sorted(keys)


async def test_names_that_come_between_pages_have_their_place(log: Log) -> None:
    for letter in "bdf":
        await say(log, f"acme.{letter}", "x")
    assert await log.names("acme.*", "", 2) == ["acme.b", "acme.d"]
    await say(log, "acme.a", "x")
    await say(log, "acme.e", "x")
    assert await log.names("acme.*", "acme.d", 2) == ["acme.e", "acme.f"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (ROOM, [ROOM]),
        ("acme.room.attic", []),
        ("acme.room.*", [ROOM]),
        (ALL, [ROOM, OTHER]),
        ("acme.*.*.aside", [OTHER]),
        ("acme.>", [ROOM, OTHER]),
        ("acme.presence.>", ["acme.presence.user.ada"]),
        ("other.>", []),
    ],
)
async def test_names_match_as_subscriptions_do(log: Log, pattern: str, expected: list[str]) -> None:
    for key in (OTHER, ROOM, "acme.presence.user.ada"):
        await say(log, key, "a")
    assert await log.names(pattern, "", 10) == expected


async def test_a_name_is_listed_only_after_the_key(log: Log) -> None:
    await say(log, ROOM, "a")
    assert await log.names(ROOM, ROOM, 10) == []
    assert await log.names(ALL, ROOM, 10) == []
    assert await log.names(ALL, "", 0) == []


async def test_a_channel_that_went_and_came_back_is_listed_once(engine: Engine, log: Log) -> None:
    for _ in range(3):
        await put(log, request(ROOM, "a", keep=NONE))
        assert await log.names(ALL, "", 10) == [ROOM]
        await engine.pass_time(3601)
        assert await log.names(ALL, "", 10) == []
