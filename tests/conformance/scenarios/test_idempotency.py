"""A publish that is repeated with its key is one event, and has one answer."""

import asyncio
from uuid import uuid4

from tests.conformance.doors import Door


async def test_a_repeated_key_gives_the_first_answer(door: Door, room: str) -> None:
    key = uuid4().hex
    async with door.session("writer") as writer, door.session("reader") as reader:
        await reader.subscribe(room)
        first = await writer.publish(room, "once", key=key)
        again = await writer.publish(room, "once", key=key)
        other = await writer.publish(room, "another", key=uuid4().hex)
        events = await reader.inbox.events(2)
    assert not first.duplicate
    assert again.duplicate
    assert (again.event_id, again.offset) == (first.event_id, first.offset)
    assert [event.event_id for event in events] == [first.event_id, other.event_id]


async def test_attempts_at_the_same_time_are_one_event(door: Door, room: str) -> None:
    key = uuid4().hex
    async with door.session("writer") as writer, door.session("reader") as reader:
        await reader.subscribe(room)
        attempts = await asyncio.gather(*(writer.publish(room, "once", key=key) for _ in range(10)))
        last = await writer.publish(room, "last")
        events = await reader.inbox.events(2)
    assert len({attempt.event_id for attempt in attempts}) == 1
    assert [attempt.duplicate for attempt in attempts].count(False) == 1
    assert [event.event_id for event in events] == [attempts[0].event_id, last.event_id]


async def test_a_key_belongs_to_its_room(door: Door, room: str) -> None:
    key = uuid4().hex
    async with door.session("writer") as writer:
        first = await writer.publish(f"{room}.a", 1, key=key)
        other = await writer.publish(f"{room}.b", 1, key=key)
    assert not other.duplicate
    assert first.event_id != other.event_id
