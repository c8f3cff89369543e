"""Retention for resume: bounded in bytes and in age, one channel at most a quarter."""

from itertools import count

from blackroad.core.log.base import GapReason, Log
from blackroad.core.log.entry import Positions
from tests.contract.log.engines import Bounds, Engine
from tests.contract.log.steps import (
    ALL,
    NONE,
    OTHER,
    ROOM,
    catch_up,
    gap,
    put,
    request,
    text_of,
    texts,
)

SMALL = Bounds(retain_bytes=256 << 10)
LONG = "x" * 200


async def fill(log: Log, key: str, start: Positions, *, topics: list[str]) -> int:
    """Append to a channel until there is a gap; return how many events that took."""
    for number in count(1):
        await put(log, request(key, f"{number} {LONG}", keep=NONE))
        if await gap(log, topics, start):
            return number
        assert number < 5_000, "nothing is ever trimmed"
    raise AssertionError


async def test_the_oldest_goes_when_the_bytes_are_full(engine: Engine) -> None:
    async with engine.open(SMALL) as log:
        start = log.heads()
        said: list[str] = []
        while await gap(log, [ALL], start) is None:
            assert len(said) < 5_000, "nothing is ever trimmed"
            said.append(f"{len(said)} {LONG}")
            await put(log, request(f"{ROOM}.{len(said)}", said[-1], keep=NONE))
        assert len(said) >= 10
        assert await gap(log, [ALL], start) is GapReason.EXPIRED
        assert await gap(log, [f"{ROOM}.1"], start) is GapReason.EXPIRED
        assert await gap(log, [f"{ROOM}.{len(said)}"], start) is None


async def test_one_channel_holds_at_most_a_quarter(engine: Engine) -> None:
    async with engine.open(SMALL) as log:
        start = log.heads()
        await put(log, request(OTHER, "quiet", keep=NONE))
        taken = await fill(log, ROOM, start, topics=[ROOM])
        for number in range(2 * taken):
            await put(log, request(ROOM, f"{number} {LONG}", keep=NONE))
        assert await gap(log, [OTHER], start) is None
        assert texts(await catch_up(log, [OTHER], start)) == ["quiet"]
        assert await gap(log, [ROOM], start) is GapReason.EXPIRED
        assert await gap(log, [ALL], start) is GapReason.EXPIRED


async def test_over_its_quarter_a_channel_keeps_its_newest(engine: Engine) -> None:
    async with engine.open(SMALL) as log:
        await fill(log, ROOM, log.heads(), topics=[ROOM])
        after = log.heads()
        for number in range(5):
            await put(log, request(ROOM, f"new {number} {LONG}", keep=NONE))
            await put(log, request(OTHER, f"other {number}", keep=NONE))
        for topics in ([ROOM, OTHER], [ALL]):
            found = [
                text.removesuffix(f" {LONG}") for text in texts(await catch_up(log, topics, after))
            ]
            assert found == [f"{kind} {number}" for number in range(5) for kind in ("new", "other")]


async def test_age_trims_though_nothing_is_appended(engine: Engine, log: Log) -> None:
    start = log.heads()
    await put(log, request(ROOM, "a", keep=NONE))
    await engine.pass_time(299)
    assert texts(await catch_up(log, [ROOM], start)) == ["a"]
    await engine.pass_time(2)
    assert await gap(log, [ROOM], start) is GapReason.EXPIRED
    entries, _ = log.newest([ROOM], 10, log.heads(), bool)
    assert list(entries) == []


async def test_age_trims_the_old_only(engine: Engine, log: Log) -> None:
    start = log.heads()
    old = await put(log, request(ROOM, "old", keep=NONE))
    await engine.pass_time(200)
    await put(log, request(ROOM, "young", keep=NONE))
    await engine.pass_time(101)
    assert await gap(log, [ROOM], start) is GapReason.EXPIRED
    after = list(start)
    after[old.partition] = old.position
    assert texts(await catch_up(log, [ROOM], tuple(after))) == ["young"]


async def test_newest_gives_what_is_left(engine: Engine) -> None:
    async with engine.open(SMALL) as log:
        await fill(log, ROOM, log.heads(), topics=[ROOM])
        entries, complete = log.newest([ROOM], 3, log.heads(), bool)
        assert complete
        numbers = [int(text_of(entry).split()[0]) for entry in entries]
        assert numbers == list(range(numbers[0], numbers[0] + 3))
        entries, complete = log.newest([ROOM], 100_000, log.heads(), bool)
        assert not complete
        assert len(entries) > 3
