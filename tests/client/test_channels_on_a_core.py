"""Publishing and following on a real core."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blackroad.client import (
    Client,
    Conflict,
    Event,
    InvalidRequest,
    NotFound,
    Policy,
    Unavailable,
)
from tests.client.cable import Cable
from tests.effort import examples


async def test_what_is_published_is_received_once_and_in_order(client: Client) -> None:
    async with asyncio.timeout(20), client.subscribe("room.a") as subscription:
        sent = await asyncio.gather(*(client.publish("room.a", {"n": n}) for n in range(500)))
        received = [await anext(subscription) for _ in sent]
    events = [item for item in received if isinstance(item, Event)]
    assert [event.content for event in events] == [{"n": n} for n in range(500)]
    assert [event.event_id for event in events] == [each.event_id for each in sent]
    first = events[0].offset
    assert [event.offset for event in events] == list(range(first, first + 500))


async def test_a_pattern_and_a_unit_are_followed(client: Client) -> None:
    async with (
        asyncio.timeout(20),
        client.subscribe("a.*") as pattern,
        client.subscribe("b", unit=["c.>"]) as unit,
    ):
        for channel in ("a.1", "b", "c.x.y", "a.1.2", "a.2"):
            await client.publish(channel, channel)
        by_pattern = [await anext(pattern) for _ in range(2)]
        by_unit = [await anext(unit) for _ in range(2)]
    assert [event.channel for event in by_pattern if isinstance(event, Event)] == ["a.1", "a.2"]
    assert [event.channel for event in by_unit if isinstance(event, Event)] == ["b", "c.x.y"]


async def test_a_cursor_resumes_in_another_client(client: Client, core: str) -> None:
    async with asyncio.timeout(20):
        async with client.subscribe("room") as subscription:
            for n in range(4):
                await client.publish("room", str(n))
            await anext(subscription)
            await anext(subscription)
            cursor = subscription.cursor
        async with Client(core) as other:
            resumed = other.subscribe("room", cursor)
            rest = [await anext(resumed) for _ in range(2)]
    assert [event.text for event in rest if isinstance(event, Event)] == ["2", "3"]


async def test_history_is_read_and_begun_with(client: Client) -> None:
    async with asyncio.timeout(20):
        for n in range(5):
            await client.publish("room", str(n))
        page = await client.history("room", 2)
        assert [event.text for event in page.events] == ["3", "4"]
        assert page.more
        older = await client.history("room", 9, before=page.events[0].offset)
        assert [event.text for event in older.events] == ["0", "1", "2"]
        subscription = client.subscribe("room", history=3)
        first = [await anext(subscription) for _ in range(3)]
    assert [event.text for event in first if isinstance(event, Event)] == ["2", "3", "4"]


async def test_a_key_and_an_expected_offset_are_obeyed(client: Client) -> None:
    async with asyncio.timeout(20):
        first = await client.publish("room", "a", idempotency_key="k")
        again = await client.publish("room", "a", idempotency_key="k")
        assert (again.event_id, again.offset, again.duplicate) == (
            *(first.event_id, first.offset),
            True,
        )
        with pytest.raises(Conflict):
            await client.publish("room", "b", expected_offset=first.offset + 7)
        await client.publish("room", "b", expected_offset=first.offset)


async def test_a_call_without_a_core_says_where_none_is(core: str) -> None:
    async with asyncio.timeout(10), Client("grpc://127.0.0.1:1", timeout_seconds=0.2) as client:
        with pytest.raises(Unavailable, match=r"no core answers at 127\.0\.0\.1:1"):
            await client.history("room")
        with pytest.raises(Unavailable, match=r"no core answers at 127\.0\.0\.1:1"):
            await client.publish("room", "x")


async def test_a_second_address_is_used_where_the_first_is_dead(core: str) -> None:
    both = f"grpc://127.0.0.1:1,{core.removeprefix('grpc://')}"
    async with asyncio.timeout(20):
        async with Client(both) as client:
            assert (await client.history("room")).events == ()
        async with Client(both) as client, asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(client.publish(f"room.{number}", "x"))
                group.create_task(_stand(client, f"room.{number}"))


async def _stand(client: Client, channel: str) -> None:
    async with client.subscribe(channel):
        pass


async def test_more_subscriptions_than_one_connection_carries_all_stand(client: Client) -> None:
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        for number in range(130):
            await stack.enter_async_context(client.subscribe(f"room.{number}"))
        await client.publish("room.0", "x")


@pytest.mark.parametrize("channel", ["a b", "", "a..b", "a.*"])
async def test_a_wrong_name_is_refused_and_the_client_lives(client: Client, channel: str) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(InvalidRequest):
            await client.publish(channel, "x")
        await client.publish("room", "x")


async def test_channels_are_managed(client: Client) -> None:
    async with asyncio.timeout(20):
        made = await client.channels.create(
            "team", Policy(access="private", max_members=7), {"topic": "x"}, ["bob"]
        )
        assert (made.policy.access, made.policy.max_members) == ("private", 7)
        assert made.metadata == {"topic": "x"}
        changed = await client.channels.update("team", Policy(max_members=8), etag=made.etag)
        assert (changed.policy.access, changed.policy.max_members) == ("private", 8)
        with pytest.raises(Conflict):
            await client.channels.update("team", Policy(max_members=9), etag=made.etag)
        await client.channels.add_member("team", "carol")
        await client.channels.remove_member("team", "bob")
        members = {member.subject async for member in client.channels.members("team")}
        assert "carol" in members
        assert "bob" not in members
        assert "team" in {channel.name async for channel in client.channels.list("*")}
        await client.channels.delete("team")
        for name in ("team", "never.used"):
            with pytest.raises(NotFound):
                await client.channels.get(name)


@settings(
    max_examples=examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cuts=st.lists(st.integers(0, 300), max_size=3, unique=True), room=st.uuids())
async def test_cuts_at_random_lose_nothing_and_repeat_nothing(
    cable: Cable, cuts: list[int], room: object
) -> None:
    channel = f"room.{room}"
    async with (
        asyncio.timeout(30),
        Client(cable.url) as one,
        Client(cable.url) as other,
        one.subscribe(channel) as subscription,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(_publish(other, channel, 300))
        texts: list[str] = []
        while len(texts) < 300:
            if len(texts) in cuts:
                cable.cut()
            item = await anext(subscription)
            assert isinstance(item, Event)
            texts.append(item.text)
    assert sorted(texts, key=int) == [str(n) for n in range(300)]


async def _publish(client: Client, channel: str, count: int) -> None:
    for begin in range(0, count, 20):
        numbers = range(begin, begin + 20)
        await asyncio.gather(*(client.publish(channel, str(n)) for n in numbers))
