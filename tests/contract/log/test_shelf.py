"""Values by name, and events that lie in the history alone: the same with every engine."""

import asyncio

import pytest

from blackroad.core.log.base import Append, Keep, Log
from blackroad.core.log.shelf import Item, Shelf
from tests.contract.log.engines import Engine
from tests.contract.log.steps import NONE, ROOM, catch_up, put, record, say, texts


def untold(key: str, *said: str, keep: Keep = Keep()) -> Append:  # noqa: B008 - frozen
    return Append(key, [record(text) for text in said], keep, told=False)


async def test_what_is_not_told_is_in_the_history_and_nowhere_else(log: Log) -> None:
    start = log.heads()
    first = await put(log, untold(ROOM, "a", "b"))
    last = await say(log, ROOM, "c")
    assert last.first_offset == first.first_offset + 2
    assert texts((await log.history(ROOM, 9)).entries) == ["a", "b", "c"]
    assert texts(await catch_up(log, [ROOM], start)) == ["c"]
    assert log.missing(["acme.>"], start) is None


async def test_sequences_have_no_holes_where_something_was_not_told(log: Log) -> None:
    first = await say(log, ROOM, "a")
    await put(log, untold(ROOM, "b"))
    assert (await say(log, ROOM, "c")).position.sequence == first.position.sequence + 1


async def test_a_value_lies_there_for_its_time(log: Log, engine: Engine) -> None:
    shelf = Shelf(log, "ticket")
    offset = await shelf.put("a", b"one", 30)
    assert await shelf.get("a") == Item(b"one", offset)
    assert await Shelf(log, "other").get("a") is None
    await engine.pass_time(31)
    assert await shelf.get("a") is None


async def test_of_all_that_take_a_value_one_gets_it(log: Log) -> None:
    shelf = Shelf(log, "ticket")
    offset = await shelf.put("a", b"one", 30)
    taken = await asyncio.gather(*(shelf.take("a", offset) for _ in range(20)))
    assert taken.count(True) == 1
    assert await shelf.get("a") is None


async def test_a_value_is_swapped_by_who_has_seen_it(log: Log) -> None:
    shelf = Shelf(log, "claim")
    assert (await shelf.look("a")).value == b""
    first = await shelf.swap("a", (await shelf.look("a")).offset, b"one", 30)
    assert first is not None
    assert await shelf.swap("a", first - 1, b"two", 30) is None
    second = await shelf.swap("a", first, b"three", 30)
    assert second is not None
    assert await shelf.look("a") == Item(b"three", second)


async def test_a_place_that_was_emptied_can_be_used_again(log: Log) -> None:
    shelf = Shelf(log, "claim")
    assert await shelf.take("a", await shelf.put("a", b"one", 30))
    empty = await shelf.look("a")
    assert empty.value == b""
    assert await shelf.swap("a", empty.offset, b"two", 30)
    assert (await shelf.look("a")).value == b"two"


@pytest.mark.parametrize("size", [0, 3 << 20])
async def test_a_value_may_be_large(log: Log, size: int) -> None:
    shelf = Shelf(log, "record")
    await shelf.put("a", b"x" * size, 30)
    found = await shelf.get("a")
    assert found is not None
    assert len(found.value) == size


async def test_without_history_what_is_not_told_leaves_only_its_offset(log: Log) -> None:
    await put(log, untold(ROOM, "a", keep=NONE))
    assert (await log.history(ROOM, 9)).entries == []
    state = await log.state(ROOM)
    assert state is not None
    assert state.last_offset == 1
