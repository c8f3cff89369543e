"""History: the latest events of a channel under its policy, whatever the ring still has."""

import pytest

from blackroad.core.errors import Code
from blackroad.core.log.base import Append, Appended, Keep, Log
from tests.contract.log.engines import Bounds, Engine
from tests.contract.log.steps import (
    NONE,
    OTHER,
    ROOM,
    code_of,
    put,
    record,
    request,
    say,
    texts,
)


async def said(log: Log, count: int, keep: Keep | None = None) -> Appended:
    """Say "0", "1", ... one after the other; return the first answer."""
    keep = keep or Keep()
    answers = [await put(log, request(ROOM, str(number), keep=keep)) for number in range(count)]
    return answers[0]


async def test_the_newest_come_oldest_first(log: Log) -> None:
    await said(log, 10)
    page = await log.history(ROOM, 3)
    assert texts(page.entries) == ["7", "8", "9"]
    assert page.more


async def test_more_is_false_where_the_page_holds_all(log: Log) -> None:
    await said(log, 3)
    for limit in (3, 10):
        page = await log.history(ROOM, limit)
        assert texts(page.entries) == ["0", "1", "2"]
        assert not page.more


async def test_a_channel_without_history_is_an_empty_page(log: Log) -> None:
    page = await log.history(ROOM, 10)
    assert list(page.entries) == []
    assert not page.more


@pytest.mark.parametrize("limit", [1, 3, 4, 10, 20])
async def test_pages_backwards_give_all(log: Log, limit: int) -> None:
    await said(log, 10)
    page = await log.history(ROOM, limit)
    found = list(page.entries)
    while page.more:
        page = await log.history(ROOM, limit, before=found[0].offset)
        found[:0] = page.entries
    assert texts(found) == [str(number) for number in range(10)]


@pytest.mark.parametrize("limit", [1, 3, 4, 10, 20])
async def test_pages_forwards_give_all(log: Log, limit: int) -> None:
    first = (await said(log, 10)).first_offset
    page = await log.history(ROOM, limit, after=first - 1)
    found = list(page.entries)
    while page.more:
        page = await log.history(ROOM, limit, after=found[-1].offset)
        found += page.entries
    assert texts(found) == [str(number) for number in range(10)]


async def test_before_and_after_exclude_their_offset(log: Log) -> None:
    first = (await said(log, 5)).first_offset
    assert texts((await log.history(ROOM, 9, before=first + 2)).entries) == ["0", "1"]
    assert texts((await log.history(ROOM, 9, after=first + 2)).entries) == ["3", "4"]
    between = await log.history(ROOM, 9, before=first + 4, after=first + 1)
    assert texts(between.entries) == ["2", "3"]
    assert list((await log.history(ROOM, 9, before=first)).entries) == []
    assert list((await log.history(ROOM, 9, after=first + 4)).entries) == []


async def test_a_limit_of_zero_is_an_empty_page_that_tells_of_more(log: Log) -> None:
    await said(log, 1)
    page = await log.history(ROOM, 0)
    assert list(page.entries) == []
    assert page.more


async def test_the_policy_bounds_the_count(log: Log) -> None:
    await said(log, 10, Keep(events=4))
    page = await log.history(ROOM, 100)
    assert texts(page.entries) == ["6", "7", "8", "9"]
    assert not page.more


async def test_one_append_may_exceed_the_count(log: Log) -> None:
    await put(log, request(ROOM, "a", "b", "c", "d", keep=Keep(events=2)))
    assert texts((await log.history(ROOM, 100)).entries) == ["c", "d"]


async def test_no_history_is_kept_where_the_policy_says_so(log: Log) -> None:
    await put(log, request(ROOM, "a", keep=NONE))
    assert list((await log.history(ROOM, 100)).entries) == []


async def test_the_policy_of_the_latest_append_holds(log: Log) -> None:
    await said(log, 10)
    await put(log, request(ROOM, "last", keep=Keep(events=2)))
    assert texts((await log.history(ROOM, 100)).entries) == ["9", "last"]
    await put(log, request(ROOM, "none", keep=NONE))
    assert list((await log.history(ROOM, 100)).entries) == []


async def test_the_policy_bounds_the_age(engine: Engine, log: Log) -> None:
    keep = Keep(seconds=60)
    await put(log, request(ROOM, "a", keep=keep))
    await engine.pass_time(40)
    await put(log, request(ROOM, "b", keep=keep))
    assert texts((await log.history(ROOM, 9)).entries) == ["a", "b"]
    await engine.pass_time(21)
    assert texts((await log.history(ROOM, 9)).entries) == ["b"]
    await engine.pass_time(40)
    assert list((await log.history(ROOM, 9)).entries) == []


async def test_history_outlives_the_ring(engine: Engine, log: Log) -> None:
    await said(log, 3)
    await engine.pass_time(400)
    assert texts((await log.history(ROOM, 9)).entries) == ["0", "1", "2"]


async def test_numbers_are_kept_as_long_as_the_history(engine: Engine, log: Log) -> None:
    answer = await put(log, request(ROOM, "a", keep=Keep(seconds=86_400)))
    await engine.pass_time(80_000)
    assert texts((await log.history(ROOM, 9)).entries) == ["a"]
    state = await log.state(ROOM)
    assert state is not None
    assert state.last == answer.position
    assert (await say(log, ROOM, "b")).first_offset == answer.last_offset + 1


async def test_an_event_past_its_own_time_is_not_shown(engine: Engine, log: Log) -> None:
    now_ns = (await say(log, ROOM, "a")).time_ns
    brief = record("brief", expires_ns=now_ns + 10_000_000_000)
    await put(log, Append(ROOM, [brief]))
    await say(log, ROOM, "b")
    assert texts((await log.history(ROOM, 9)).entries) == ["a", "brief", "b"]
    await engine.pass_time(11)
    page = await log.history(ROOM, 2)
    assert texts(page.entries) == ["a", "b"]
    assert not page.more


async def test_entries_of_the_history_have_their_places(log: Log) -> None:
    answer = await say(log, ROOM, "a")
    (entry,) = (await log.history(ROOM, 9)).entries
    assert (entry.offset, entry.position, entry.time_ns, entry.key, entry.type) == (
        answer.last_offset,
        answer.position,
        answer.time_ns,
        ROOM,
        "message",
    )


async def test_forgetting_drops_the_history_and_keeps_the_numbers(log: Log) -> None:
    last = (await said(log, 3)).first_offset + 2
    await say(log, OTHER, "mine")
    await log.forget(ROOM)
    await log.forget(ROOM)
    assert list((await log.history(ROOM, 9)).entries) == []
    assert texts((await log.history(OTHER, 9)).entries) == ["mine"]
    state = await log.state(ROOM)
    assert state is not None
    assert state.last_offset == last
    assert await code_of(log, request(ROOM, "x", expected_offset=0)) is Code.CONFLICT
    assert (await say(log, ROOM, "next")).first_offset == last + 1
    assert texts((await log.history(ROOM, 9)).entries) == ["next"]


async def test_forgetting_what_never_was_does_nothing(log: Log) -> None:
    await log.forget(ROOM)
    assert await log.state(ROOM) is None


async def test_over_the_bytes_who_was_written_the_longest_ago_has_no_history_any_more(
    engine: Engine,
) -> None:
    keys = [f"{ROOM}.{number}" for number in range(40)]
    async with engine.open(Bounds(history_bytes=1 << 20)) as log:
        for key in keys:
            for _ in range(10):
                await put(log, request(key, "x" * 10_000))
        await put(log, request(keys[0], "y" * 10_000))  # the latest again, were it not gone
        kept = [key for key in keys if (await log.history(key, 1)).entries]
        # A partition has its share; what memory counts of an entry is more than its bytes.
        assert 2 <= len(kept) < 20
        assert keys[-1] in kept
        assert keys[0] in kept
        assert keys[1] not in kept
        assert len((await log.history(keys[-1], 20)).entries) == 10


async def test_a_history_at_its_number_does_not_grow_in_what_is_counted(engine: Engine) -> None:
    async with engine.open(Bounds(history_bytes=4 << 20)) as log:
        await say(log, OTHER, "first")
        for _ in range(300):
            await put(log, request(ROOM, "x" * 10_000, keep=Keep(events=10)))
        assert (await log.history(OTHER, 1)).entries
        assert len((await log.history(ROOM, 20)).entries) == 10
