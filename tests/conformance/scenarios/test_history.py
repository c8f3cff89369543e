"""What a channel keeps: with a subscription, and by pages."""

import pytest

from tests.conformance.doors import Door
from tests.conformance.records import Refused


async def test_a_subscription_with_history_begins_with_the_last_events(
    door: Door, room: str
) -> None:
    async with door.session("writer") as writer, door.session("reader") as reader:
        for number in range(10):
            await writer.publish(room, number)
        await reader.subscribe(room, history=4)
        caught = await reader.inbox.caught_up()
        await writer.publish(room, 10)
        live = await reader.inbox.event()
    assert [event.content for event in caught] == [6, 7, 8, 9]
    assert live.content == 10
    assert live.offset == caught[-1].offset + 1


async def test_history_ends_where_the_channel_begins(door: Door, room: str) -> None:
    async with door.session("writer") as writer, door.session("reader") as reader:
        await writer.publish(room, "the only one")
        await reader.subscribe(room, history=300)
        assert [event.content for event in await reader.inbox.caught_up()] == ["the only one"]


async def test_the_cursor_of_a_subscription_with_history_lies_before_it(
    pair: tuple[Door, Door], room: str
) -> None:
    first, second = pair
    async with second.session("writer") as writer:
        for number in range(6):
            await writer.publish(room, number)
        async with first.session("reader") as reader:
            cursor = (await reader.subscribe(room, history=3)).cursor
        async with second.session("reader") as reader:
            await reader.subscribe(room, cursor=cursor)
            again = await reader.inbox.caught_up()
    assert [event.content for event in again][-3:] == [3, 4, 5]


async def test_a_pattern_with_history_begins_with_the_newest(door: Door, room: str) -> None:
    async with door.session("writer") as writer, door.session("reader") as reader:
        for number in range(6):
            await writer.publish(f"{room}.{number % 2}", number)
        await reader.subscribe(f"{room}.*", history=4)
        caught = await reader.inbox.caught_up()
    assert [event.content for event in caught] == [2, 3, 4, 5]


async def test_pages_lead_back_and_forth(door: Door, room: str) -> None:
    async with door.session("writer") as session:
        published = [await session.publish(room, number) for number in range(10)]
        newest = await session.history(room, 3)
        older = await session.history(room, 3, before=newest[0].offset)
        newer = await session.history(room, 3, after=published[0].offset)
    assert [event.content for event in newest] == [7, 8, 9]
    assert [event.content for event in older] == [4, 5, 6]
    assert [event.content for event in newer] == [1, 2, 3]


async def test_history_shows_what_was_delivered(pair: tuple[Door, Door], room: str) -> None:
    first, second = pair
    async with first.session("reader") as reader, second.session("writer") as writer:
        await reader.subscribe(room)
        for content in ("text", {"a": [1, 2]}):
            await writer.publish(room, content, event="task.progress")
        live = await reader.inbox.events(2)
        kept = await reader.history(room, 10)
    for shown, read in zip(live, kept, strict=True):
        assert (shown.event_id, shown.type, shown.sender, shown.content, shown.offset) == (
            *(read.event_id, read.type, read.sender, read.content, read.offset),
        )


async def test_history_of_a_pattern_or_a_bad_name_is_refused(door: Door) -> None:
    async with door.session("reader") as reader:
        for name in ("conformance.*", "no spaces"):
            with pytest.raises(Refused) as refused:
                await reader.history(name, 10)
            assert refused.value.code == "invalid_name"
