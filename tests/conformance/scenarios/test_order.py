"""Events come once, in order, with the same id and the same words, at every door."""

import asyncio
from contextlib import AsyncExitStack

from tests.conformance.doors import Door
from tests.conformance.records import Event


def told(event: Event) -> tuple[object, ...]:
    return (event.event_id, event.channel, event.type, event.sender, event.content, event.offset)


async def test_events_arrive_in_the_order_of_their_publishing(door: Door, room: str) -> None:
    async with door.session("reader") as reader, door.session("writer") as writer:
        await reader.subscribe(room)
        published = [await writer.publish(room, {"number": number}) for number in range(50)]
        events = await reader.inbox.events(50)
    assert [event.event_id for event in events] == [one.event_id for one in published]
    assert [event.offset for event in events] == [one.offset for one in published]
    assert [event.content for event in events] == [{"number": number} for number in range(50)]


async def test_every_door_shows_the_same_event_once(doors: list[Door], room: str) -> None:
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(door.session("reader")) for door in doors]
        for reader in readers:
            await reader.subscribe(room)
        writers = [await stack.enter_async_context(door.session("writer")) for door in doors]
        sent = [
            (await writer.publish(room, content, event=kind), writer.subject, content, kind)
            for writer in writers
            for content in ("a text", {"an": "object"}, ["a", 1, None, True], 1.5, None, "")
            for kind in ("message", "task.progress")
        ]
        seen = [await reader.inbox.events(len(sent)) for reader in readers]
    expected = [
        (one.event_id, room, kind, subject, content, one.offset)
        for one, subject, content, kind in sent
    ]
    for events in seen:
        assert [told(event) for event in events] == expected


async def test_offsets_have_no_holes_under_many_publishers(doors: list[Door], room: str) -> None:
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(door.session("reader")) for door in doors]
        for reader in readers:
            await reader.subscribe(room)
        writers = [
            await stack.enter_async_context(door.session(f"writer-{number}"))
            for number, door in enumerate([*doors, *doors])
        ]

        async def write(number: int) -> list[int]:
            return [
                (await writers[number].publish(room, [number, turn])).offset for turn in range(20)
            ]

        offsets = await asyncio.gather(*map(write, range(len(writers))))
        seen = [await reader.inbox.events(20 * len(writers)) for reader in readers]
    for mine in offsets:
        assert mine == sorted(mine)
    everything = sorted(offset for mine in offsets for offset in mine)
    assert everything == list(range(everything[0], everything[0] + len(everything)))
    for events in seen:
        assert [event.offset for event in events] == everything
        assert [event.event_id for event in events] == [event.event_id for event in seen[0]]


async def test_an_acknowledged_event_comes_before_one_that_is_sent_after(
    pair: tuple[Door, Door], room: str
) -> None:
    first, second = pair
    async with first.session("first") as one, second.session("second") as other:
        await one.subscribe(room)
        for turn in range(10):
            before = await one.publish(room, ["one", turn])
            after = await other.publish(room, ["other", turn])
            assert after.offset == before.offset + 1
        contents = [event.content for event in await one.inbox.events(20)]
    assert contents == [[who, turn] for turn in range(10) for who in ("one", "other")]


async def test_a_session_hears_only_what_it_follows(door: Door, room: str) -> None:
    async with door.session("reader") as reader, door.session("writer") as writer:
        await reader.subscribe(f"{room}.here")
        await writer.publish(f"{room}.there", "not for us")
        await writer.publish(f"{room}.here.below", "not for us")
        last = await writer.publish(f"{room}.here", "for us")
        assert (await reader.inbox.event()).event_id == last.event_id


async def test_nothing_comes_after_unsubscribing(session_door: Door, room: str) -> None:
    async with session_door.session("reader") as reader, session_door.session("w") as writer:
        await reader.subscribe(room)
        await reader.subscribe(f"{room}.other")
        await writer.publish(room, 1)
        assert (await reader.inbox.event()).content == 1
        await reader.unsubscribe(room)
        await writer.publish(room, 2)
        await writer.publish(f"{room}.other", 3)
        assert (await reader.inbox.event()).content == 3


async def test_an_event_that_two_subscriptions_match_comes_once(
    session_door: Door, room: str
) -> None:
    async with session_door.session("reader") as reader, session_door.session("w") as writer:
        for followed in (f"{room}.a", f"{room}.*", f"{room}.>"):
            await reader.subscribe(followed)
        await writer.publish(f"{room}.a", 1)
        await writer.publish(f"{room}.b", 2)
        await writer.publish(f"{room}.a", 3)
        assert [event.content for event in await reader.inbox.events(3)] == [1, 2, 3]
