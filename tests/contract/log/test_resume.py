"""Resume: recovered or a gap with its reason; a quiet channel never has a false gap."""

import pytest

from blackroad.core.log.base import Appended, GapReason, Log
from blackroad.core.log.entry import Position, Positions
from blackroad.core.log.layout import partition_of
from tests.contract.log.engines import Bounds, Engine
from tests.contract.log.steps import ALL, NONE, OTHER, ROOM, catch_up, gap, put, request, say, texts

TOPICS = [[ROOM], [ALL], [ROOM, OTHER, ALL]]


def place(log: Log, answer: Appended) -> Positions:
    """Return the cursor of a delivery of what was appended last."""
    heads = list(log.heads())
    heads[answer.partition] = answer.position
    return tuple(heads)


@pytest.mark.parametrize("topics", TOPICS)
async def test_from_any_place_within_retention_exactly_the_rest_comes(
    log: Log, topics: list[str]
) -> None:
    start = log.heads()
    places = [start, *[place(log, await say(log, ROOM, str(number))) for number in range(10)]]
    for number, after in enumerate(places):
        assert await gap(log, topics, after) is None
        rest = texts(await catch_up(log, topics, after))
        assert rest == [str(later) for later in range(number, 10)]


@pytest.mark.parametrize("topics", TOPICS)
async def test_nothing_is_missing_at_the_head(log: Log, topics: list[str]) -> None:
    assert await gap(log, topics, log.heads()) is None
    await say(log, ROOM, "a")
    assert await gap(log, topics, log.heads()) is None
    assert await catch_up(log, topics, log.heads()) == []


@pytest.mark.parametrize("topics", TOPICS)
async def test_what_is_too_old_is_a_gap(engine: Engine, log: Log, topics: list[str]) -> None:
    start = log.heads()
    answer = await say(log, ROOM, "a")
    await engine.pass_time(301)
    assert await gap(log, topics, start) is GapReason.EXPIRED
    assert await gap(log, topics, place(log, answer)) is None


async def test_a_quiet_channel_is_recovered_however_old_the_place_is(
    engine: Engine, log: Log
) -> None:
    after = place(log, await say(log, ROOM, "a"))
    await engine.pass_time(200)
    for number in range(5):
        await say(log, OTHER, str(number))
    await engine.pass_time(302)
    await say(log, OTHER, "now")
    assert await gap(log, [ROOM], after) is None
    assert await catch_up(log, [ROOM], after) == []
    assert await gap(log, [OTHER], after) is GapReason.EXPIRED
    assert await gap(log, [ALL], after) is GapReason.EXPIRED


async def test_a_pattern_is_recovered_where_only_other_channels_lost_events(
    engine: Engine, log: Log
) -> None:
    after = place(log, await say(log, f"{ROOM}.x.mine", "a"))
    await say(log, f"{ROOM}.y.theirs", "b")
    await engine.pass_time(301)
    await say(log, f"{ROOM}.x.mine", "c")
    assert await gap(log, [f"{ROOM}.x.*"], after) is None
    assert texts(await catch_up(log, [f"{ROOM}.x.*"], after)) == ["c"]
    assert await gap(log, [f"{ROOM}.*.*"], after) is GapReason.EXPIRED


async def test_a_channel_that_never_was_is_recovered(engine: Engine, log: Log) -> None:
    start = log.heads()
    await say(log, OTHER, "a")
    await engine.pass_time(301)
    assert await gap(log, [ROOM], start) is None


async def test_another_epoch_is_a_gap(engine: Engine) -> None:
    async with engine.open() as log:
        old = place(log, await say(log, ROOM, "a"))
    async with engine.open() as log:
        for topics in TOPICS:
            assert await gap(log, topics, old) is GapReason.EPOCH_CHANGED
        assert all(new.epoch > before.epoch for new, before in zip(log.heads(), old, strict=True))


async def test_a_place_beyond_the_head_is_not_ours(log: Log) -> None:
    beyond = tuple(Position(epoch, sequence + 1) for epoch, sequence in log.heads())
    for topics in TOPICS:
        assert await gap(log, topics, beyond) is GapReason.EPOCH_CHANGED


async def test_another_number_of_places_is_another_layout(log: Log) -> None:
    heads = log.heads()
    assert log.missing([ROOM], (*heads, heads[0])) is GapReason.EPOCH_CHANGED


async def test_no_place_for_the_rooms_partition_is_not_kept(log: Log) -> None:
    nowhere = Position(0, 0)
    mine = partition_of(ROOM, log.partitions)
    without = tuple(
        nowhere if number == mine else place for number, place in enumerate(log.heads())
    )
    assert await gap(log, [ROOM], without) is GapReason.NOT_KEPT
    assert await gap(log, [ALL], without) is GapReason.NOT_KEPT
    only = tuple(place if number == mine else nowhere for number, place in enumerate(log.heads()))
    assert await gap(log, [ROOM], only) is None
    assert await catch_up(log, [ROOM], only) == []


async def test_numbers_go_an_hour_after_the_last_event(engine: Engine, log: Log) -> None:
    start = log.heads()
    answer = await put(log, request(ROOM, "a", keep=NONE))
    after = place(log, answer)
    await engine.pass_time(3599)
    assert await log.state(ROOM) is not None
    await engine.pass_time(2)
    assert await log.state(ROOM) is None
    assert await log.names(ALL, "", 10) == []
    for topics in TOPICS:
        assert await gap(log, topics, start) is GapReason.EXPIRED
        assert await gap(log, topics, after) is None


async def test_a_channel_that_comes_back_uses_no_offset_twice(engine: Engine, log: Log) -> None:
    start = log.heads()
    first = await put(log, request(ROOM, "a", "b", keep=NONE))
    await engine.pass_time(3601)
    second = await put(log, request(ROOM, "c", keep=NONE))
    assert second.first_offset > first.last_offset
    assert await gap(log, [ROOM], start) is GapReason.EXPIRED
    after = place(log, first)
    assert await gap(log, [ROOM], after) is None
    assert texts(await catch_up(log, [ROOM], after)) == ["c"]


async def test_of_too_many_channels_the_one_longest_idle_goes(engine: Engine) -> None:
    async with engine.open(Bounds(max_channels=40)) as log:
        start = log.heads()
        first = await say(log, f"{ROOM}.0", "a")
        await say(log, f"{ROOM}.1", "b")
        await say(log, f"{ROOM}.0", "c")
        for number in range(2, 40):
            await say(log, f"{ROOM}.{number}", "d")
            await say(log, f"{ROOM}.0", "e")
        await say(log, f"{ROOM}.40", "f")
        assert await log.state(f"{ROOM}.1") is None
        assert await log.state(f"{ROOM}.0") is not None
        assert await log.state(f"{ROOM}.40") is not None
        assert len(await log.names(f"{ROOM}.*", "", 100)) <= 40
        assert await gap(log, [f"{ROOM}.1"], start) is GapReason.EXPIRED
        assert await gap(log, [f"{ROOM}.*"], place(log, first)) is GapReason.EXPIRED
        assert await gap(log, [f"{ROOM}.0"], start) is None
