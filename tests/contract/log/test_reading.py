"""Reading by names and patterns: merged, each entry once, in pages, as far as visible."""

import pytest

from blackroad.core.log.base import Append, GapReason, Log
from blackroad.core.log.entry import Positions
from tests.contract.log.engines import Engine
from tests.contract.log.steps import (
    ALL,
    OTHER,
    ROOM,
    catch_up,
    everything,
    page,
    put,
    record,
    request,
    say,
    texts,
)

SELECTIONS = [
    [ROOM],
    [ROOM, OTHER],
    [ALL],
    ["acme.room.*"],
    [ALL, ROOM, "acme.>", OTHER],
    ["acme.*.kitchen"],
]


async def talk(log: Log) -> Positions:
    """Say something on two channels of one partition in turn; return the place before."""
    start = log.heads()
    for number in range(30):
        await say(log, (ROOM, OTHER)[number % 3 == 0], f"{number}")
    return start


@pytest.mark.parametrize("topics", SELECTIONS)
@pytest.mark.parametrize("max_bytes", [1, 200, 1_000, 1 << 20])
async def test_pages_give_each_selected_entry_once_in_order(
    log: Log, topics: list[str], max_bytes: int
) -> None:
    start = await talk(log)
    aside = OTHER in topics or ALL in topics
    expected = [str(number) for number in range(30) if aside or number % 3]
    assert texts(await catch_up(log, topics, start, max_bytes=max_bytes)) == expected


async def test_a_page_has_about_the_bytes_that_were_asked_for(log: Log) -> None:
    start = await talk(log)
    entries, reached = await page(log, [ALL], start, log.heads(), max_bytes=500)
    assert 0 < len(entries) < 30
    assert sum(entry.size for entry in entries[:-1]) < 500
    assert reached != log.heads()


async def test_a_page_of_nothing_reaches_the_end(log: Log) -> None:
    start = await talk(log)
    entries, reached = await page(log, ["acme.attic"], start, log.heads())
    assert list(entries) == []
    assert reached == log.heads()


@pytest.mark.parametrize("topics", [[ROOM], [ALL]])
async def test_nothing_beyond_until_is_read(log: Log, topics: list[str]) -> None:
    start = log.heads()
    await say(log, ROOM, "a")
    until = log.heads()
    await say(log, ROOM, "b")
    assert texts(await catch_up(log, topics, start, until=until)) == ["a"]
    assert texts(await catch_up(log, topics, until)) == ["b"]
    newest, _ = log.newest(topics, 10, until, everything)
    assert texts(newest) == ["a"]


async def test_until_in_the_past_reads_nothing_and_does_not_go_back(log: Log) -> None:
    start = log.heads()
    await say(log, ROOM, "a")
    head = log.heads()
    entries, reached = await page(log, [ROOM], head, start)
    assert list(entries) == []
    assert reached == head


async def test_channels_of_different_partitions_all_come(log: Log) -> None:
    start = log.heads()
    keys = [f"acme.floor.{number}" for number in range(12)]
    for number in range(60):
        await say(log, keys[number % 12], f"{number}")
    for topics in (["acme.floor.*"], keys):
        entries = await catch_up(log, topics, start, max_bytes=300)
        assert sorted(map(int, texts(entries))) == list(range(60))
        for partition in range(log.partitions):
            sequences = [entry.sequence for entry in entries if entry.partition == partition]
            assert sequences == sorted(sequences)


async def test_partitions_share_the_bytes_of_a_page(log: Log) -> None:
    start = log.heads()
    for number in range(60):
        await say(log, f"acme.floor.{number}", f"{number}")
    entries, _ = await page(log, ["acme.floor.*"], start, log.heads(), max_bytes=1_000)
    assert sum(entry.size for entry in entries[:-1]) < 1_000


async def test_what_a_pattern_matches_comes_as_far_as_it_is_visible(log: Log) -> None:
    start = await talk(log)
    asked: list[str] = []

    def visible(key: str) -> bool:
        asked.append(key)
        return key == ROOM

    expected = [str(number) for number in range(30) if number % 3]
    assert texts(await catch_up(log, [ALL], start, visible=visible)) == expected
    assert set(asked) == {ROOM, OTHER}
    newest, _ = log.newest([ALL], 3, log.heads(), visible)
    assert texts(newest) == ["26", "28", "29"]


async def test_a_name_comes_whatever_is_visible_by_pattern(log: Log) -> None:
    start = await talk(log)
    found = await catch_up(log, [ROOM, ALL], start, visible=lambda _: False)
    assert {entry.key for entry in found} == {ROOM}


@pytest.mark.parametrize("topics", [[ROOM], [ALL]])
async def test_an_event_past_its_own_time_is_passed_over(
    engine: Engine, log: Log, topics: list[str]
) -> None:
    start = log.heads()
    now_ns = (await say(log, ROOM, "a")).time_ns
    await put(log, Append(ROOM, [record("brief", expires_ns=now_ns + 10_000_000_000)]))
    await say(log, ROOM, "b")
    assert texts(await catch_up(log, topics, start)) == ["a", "brief", "b"]
    await engine.pass_time(11)
    assert texts(await catch_up(log, topics, start)) == ["a", "b"]
    newest, complete = log.newest(topics, 2, log.heads(), everything)
    assert texts(newest) == ["a", "b"]
    assert complete


async def test_wildcards_do_not_reach_guarded_names(log: Log) -> None:
    start = log.heads()
    await say(log, "acme.presence.user.ada", "here")
    await say(log, "acme.client.ada", "secret")
    await say(log, ROOM, "hello")
    assert texts(await catch_up(log, ["acme.>", "acme.*.>", "acme.*.*"], start)) == ["hello"]
    assert texts(await catch_up(log, ["acme.presence.>"], start)) == ["here"]
    assert texts(await catch_up(log, ["acme.client.*"], start)) == ["secret"]


async def test_no_pattern_crosses_tenants(log: Log) -> None:
    start = log.heads()
    await say(log, "acme.room.a", "ours")
    await say(log, "other.room.a", "theirs")
    assert texts(await catch_up(log, ["acme.>"], start)) == ["ours"]


async def test_the_newest_are_merged_and_come_oldest_first(log: Log) -> None:
    await talk(log)
    for topics in ([ROOM, OTHER], [ALL]):
        newest, complete = log.newest(topics, 4, log.heads(), everything)
        assert texts(newest) == ["26", "27", "28", "29"]
        assert complete


async def test_the_newest_of_several_partitions_are_merged_by_time(
    engine: Engine, log: Log
) -> None:
    for number in range(24):
        await say(log, f"acme.floor.{number % 12}", str(number))
        await engine.pass_time(0.01)
    newest, complete = log.newest(["acme.floor.*"], 5, log.heads(), everything)
    assert texts(newest) == ["19", "20", "21", "22", "23"]
    assert complete


async def test_the_newest_may_be_all_there_are(log: Log) -> None:
    await say(log, ROOM, "only")
    for topics in ([ROOM], [ALL]):
        newest, complete = log.newest(topics, 4, log.heads(), everything)
        assert texts(newest) == ["only"]
        assert complete


async def test_the_same_place_may_be_read_again(log: Log) -> None:
    start = await talk(log)
    first = await catch_up(log, [ALL], start)
    assert [a is b for a, b in zip(first, await catch_up(log, [ALL], start), strict=True)]
    assert not isinstance(log.read([ALL], start, log.heads(), 1, everything), GapReason)


async def test_many_events_are_caught_up_with_in_one_go(log: Log) -> None:
    start = log.heads()
    said = [str(number) for number in range(1_000)]
    for number in range(0, 1_000, 100):
        await put(log, request(ROOM, *said[number : number + 100]))
    assert texts(await catch_up(log, [ROOM], start, max_bytes=10_000)) == said
    assert texts(await catch_up(log, [ALL], start, max_bytes=10_000)) == said
