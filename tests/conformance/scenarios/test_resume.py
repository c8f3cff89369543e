"""A cursor got on any door resumes on each: nothing missing, nothing twice."""

import asyncio
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blackroad.realtime.v1 import common_pb2
from tests.conformance.conftest import NAMES, PAIRS, Deployment
from tests.conformance.doors import Door, Session
from tests.conformance.records import Event, Refused
from tests.effort import THOROUGH

EVENTS = 60
# More of them find rarer places; the default is sized for every run.
EXAMPLES = int(os.environ.get("CONFORMANCE_EXAMPLES", "10" if THOROUGH else "2"))
# Each entry: how many events a connection takes before it is cut; and whether it says goodbye.
CUTS = st.lists(st.tuples(st.integers(0, 25), st.booleans()), min_size=1, max_size=3)


async def publish_all(
    writer: Session, rooms: list[str], pauses: list[int], begun: asyncio.Event
) -> list[str]:
    ids: list[str] = []
    for number in range(EVENTS):
        published = await writer.publish(rooms[number % len(rooms)], number)
        ids.append(published.event_id)
        begun.set()
        if number in pauses:
            await asyncio.sleep(0.01)
    return ids


async def read_in_pieces(
    doors: tuple[Door, Door], room: str, cursor: str, cuts: list[tuple[int, bool]]
) -> list[Event]:
    """Read all events, by turns on the two doors, from cut to cut."""
    seen: list[Event] = []
    for turn, (count, polite) in enumerate([*cuts, (EVENTS, True)]):
        async with doors[turn % 2].session(f"reader-{turn}") as reader:
            subscribed = await reader.subscribe(room, cursor=cursor)
            assert subscribed.recovered in {True, None}
            seen += await reader.inbox.events(min(count, EVENTS - len(seen)))
            # Only what was taken counts: a browser that is cut has not seen what is under way.
            cursor = seen[-1].cursor if seen else subscribed.cursor
            if not polite:
                await reader.drop()
    return seen


@pytest.mark.parametrize("pattern", [False, True], ids=["name", "pattern"])
@pytest.mark.parametrize("names", PAIRS, ids="-".join)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cuts=CUTS, pauses=st.lists(st.integers(0, EVENTS - 1), max_size=4))
async def test_a_cursor_of_any_door_resumes_at_any_other(
    deployment: Deployment,
    names: tuple[str, str],
    pattern: bool,
    cuts: list[tuple[int, bool]],
    pauses: list[int],
) -> None:
    doors = deployment.door(names[0]), deployment.door(names[1])
    room = f"conformance.{uuid4().hex[:12]}"
    rooms = [f"{room}.{letter}" for letter in "abc"] if pattern else [room]
    followed = f"{room}.*" if pattern else room
    async with doors[0].session("first") as first, deployment.door("grpc").session() as writer:
        start = (await first.subscribe(followed)).cursor
        begun = asyncio.Event()
        writing = asyncio.create_task(publish_all(writer, rooms, pauses, begun))
        try:
            await begun.wait()
            seen = await read_in_pieces(doors, followed, start, cuts)
        finally:
            ids = await writing
        live = await first.inbox.events(EVENTS)
    assert sorted(event.event_id for event in seen) == sorted(ids)
    assert [event.event_id for event in live] == ids
    for name in rooms:
        told = [event.content for event in seen if event.channel == name]
        assert told == [number for number in range(EVENTS) if rooms[number % len(rooms)] == name]


async def test_the_cursor_of_a_subscription_is_safe_to_resume_from(
    pair: tuple[Door, Door], room: str
) -> None:
    first, second = pair
    async with second.session("writer") as writer:
        before = await writer.publish(room, "before")
        async with first.session("reader") as reader:
            cursor = (await reader.subscribe(room)).cursor
        missed = [await writer.publish(room, number) for number in range(3)]
        async with second.session("reader") as reader:
            await reader.subscribe(room, cursor=cursor)
            caught = await reader.inbox.caught_up()
    assert [event.event_id for event in caught] == [one.event_id for one in missed]
    assert before.event_id not in {event.event_id for event in caught}


async def test_a_quiet_channel_is_recovered_however_much_others_say(
    pair: tuple[Door, Door], fresh: Callable[[], str]
) -> None:
    first, second = pair
    quiet, busy = fresh(), fresh()
    async with second.session("writer") as writer:
        async with first.session("reader") as reader:
            await reader.subscribe(quiet)
            last = await writer.publish(quiet, "the only one")
            cursor = (await reader.inbox.event()).cursor
        for number in range(50):
            await writer.publish(busy, number)
        async with second.session("reader") as reader:
            subscribed = await reader.subscribe(quiet, cursor=cursor)
            assert subscribed.recovered in {True, None}
            assert await reader.inbox.caught_up() == []
            after = await writer.publish(quiet, "the next")
            event = await reader.inbox.event()
    assert event.event_id == after.event_id
    assert event.offset == last.offset + 1


async def test_the_cursor_after_catching_up_resumes_too(pair: tuple[Door, Door], room: str) -> None:
    first, second = pair
    async with second.session("writer") as writer:
        async with first.session("reader") as reader:
            cursor = (await reader.subscribe(room)).cursor
        await writer.publish(room, 1)
        async with first.session("reader") as reader:
            await reader.subscribe(room, cursor=cursor)
            assert [event.content for event in await reader.inbox.caught_up()] == [1]
            cursor = reader.inbox.cursor
        await writer.publish(room, 2)
        async with second.session("reader") as reader:
            await reader.subscribe(room, cursor=cursor)
            assert [event.content for event in await reader.inbox.caught_up()] == [2]


async def test_resuming_catches_up_and_goes_live_without_a_seam(door: Door, room: str) -> None:
    async with door.session("writer") as writer, door.session("reader") as reader:
        cursor = (await reader.subscribe(room)).cursor
        for number in range(200):
            await writer.publish(room, number)
        async with door.session("late") as late:
            writing = asyncio.create_task(_write(writer, room, range(200, 260)))
            await late.subscribe(room, cursor=cursor)
            events = await late.inbox.events(260)
            await writing
    assert [event.content for event in events] == list(range(260))


def of_another_epoch(cursor: str) -> str:
    """Return what a server that began at another time would have given."""
    place = common_pb2.Cursor.FromString(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for index, epoch in enumerate(place.epochs):
        place.epochs[index] = epoch - 1
    return urlsafe_b64encode(place.SerializeToString()).decode().rstrip("=")


async def _write(writer: Session, room: str, numbers: range) -> None:
    for number in numbers:
        await writer.publish(room, number)


async def test_subscribing_again_replaces_the_subscription(session_door: Door, room: str) -> None:
    async with session_door.session("reader") as reader, session_door.session("w") as writer:
        first = await reader.subscribe(room)
        published = await writer.publish(room, 1)
        assert (await reader.inbox.event()).event_id == published.event_id
        await reader.subscribe(room, cursor=first.cursor)
        assert [event.event_id for event in await reader.inbox.caught_up()] == [published.event_id]
        after = await writer.publish(room, 2)
        last = await writer.publish(room, 3)
        events = await reader.inbox.events(2)
    assert [event.event_id for event in events] == [after.event_id, last.event_id]


@pytest.mark.parametrize("name", NAMES)
async def test_a_cursor_from_elsewhere_is_refused_or_a_declared_gap(
    deployment: Deployment, name: str, room: str
) -> None:
    door = deployment.door(name)
    async with door.session("reader") as reader:
        for nonsense in ("not-a-cursor", "!!", "A" * 300):
            with pytest.raises(Refused) as refused:
                await reader.subscribe(room, cursor=nonsense)
            assert refused.value.code == "invalid_cursor"
    async with door.session("reader") as reader:
        own = (await reader.subscribe(room)).cursor
    async with door.session("reader") as reader:
        subscribed = await reader.subscribe(room, cursor=of_another_epoch(own))
        assert subscribed.recovered in {False, None}
        assert (await reader.inbox.gap()).reason == "epoch_changed"
        published = await reader.publish(room, "after the gap")
        assert (await reader.inbox.event()).event_id == published.event_id
