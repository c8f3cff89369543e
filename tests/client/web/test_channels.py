"""Channels over `http://`: the same calls and the same events as over gRPC."""

import asyncio
from typing import Final

import pytest

from blackroad.client import (
    Client,
    Event,
    InvalidRequest,
    Policy,
    Rejected,
    Subscription,
    Unavailable,
)
from blackroad.client.sync import Client as SyncClient
from blackroad.realtime.v1 import admin_pb2
from tests.client.cable import Cable
from tests.client.web.conftest import Doors
from tests.journeys.serving import fresh

SECONDS: Final = 20.0
pytestmark = pytest.mark.timeout(120)


async def read(subscription: Subscription, count: int) -> list[Event]:
    """Return the next events; anything else fails."""
    found: list[Event] = []
    async with asyncio.timeout(SECONDS):
        async for each in subscription:
            assert isinstance(each, Event), each
            found.append(each)
            if len(found) == count:
                break
    return found


async def test_events_are_the_same_at_both_doors(web: Client, grpc: Client) -> None:
    room = fresh("room")
    async with web.subscribe(f"{room}.*") as here, grpc.subscribe(f"{room}.*") as there:
        await web.publish(f"{room}.a", {"x": [1, "ü"]}, "order.placed", headers={"a": "b"})
        await grpc.publish(f"{room}.b", "a text", correlation_id="c1")
        await web.publish(f"{room}.a", b"\x00\xff")
        await web.publish(f"{room}.b", '"quoted"', idempotency_key="k")
        again = await web.publish(f"{room}.b", '"quoted"', idempotency_key="k")
        seen, wanted = await read(here, 4), await read(there, 4)
    assert again.duplicate
    for one, other in zip(seen, wanted, strict=True):
        assert one.message.create_time.seconds == other.message.create_time.seconds
        for event in (one.message, other.message):
            for name in ("create_time", "cursor", "sequence", "epoch", "traceparent"):
                event.ClearField(name)
        assert one.message == other.message


async def test_history_and_cursors_pass_from_door_to_door(web: Client, grpc: Client) -> None:
    room = fresh("room")
    for number in range(5):
        await grpc.publish(room, number)
    page = await web.history(room, 3)
    assert ([each.content for each in page.events], page.more) == ([2, 3, 4], True)
    older = await web.history(room, 3, before=3)
    assert ([each.content for each in older.events], older.more) == ([0, 1], False)
    async with web.subscribe(room, history=2) as newest:
        cursor = (await read(newest, 1))[0].cursor
    async with grpc.subscribe(room, cursor) as rest:
        assert [each.content for each in await read(rest, 1)] == [4]
    past = web.subscribe(room, page.events[0].cursor).past()
    assert [each.content async for each in past if isinstance(each, Event)] == [3, 4]


async def test_nothing_is_missed_or_doubled_over_connections_that_are_cut(
    doors: Doors, grpc: Client
) -> None:
    room = fresh("room")
    async with (
        Cable.laid(doors.http.removeprefix("http://")) as cable,
        Client(cable.url.replace("grpc://", "http://"), timeout_seconds=20) as web,
        web.subscribe(room) as subscription,
    ):
        seen: list[object] = []
        for number in range(6):
            await grpc.publish(room, number)
            if number % 2:
                cable.cut()
            seen += [each.content for each in await read(subscription, 1)]
        cable.cut()
        await web.publish(room, 6)
        seen += [each.content for each in await read(subscription, 1)]
        assert seen == list(range(7))


async def test_a_reader_who_takes_his_time_misses_nothing(web: Client, grpc: Client) -> None:
    room = fresh("room")
    body = "x" * 30_000
    async with web.subscribe(room) as subscription:
        for _ in range(150):  # more than waits here
            await grpc.publish(room, body)
        assert [each.offset for each in await read(subscription, 150)] == list(range(1, 151))


async def test_who_is_here_is_asked(web: Client) -> None:
    room = fresh("room")
    async with web.subscribe(room, presence=True):
        (me,) = [each for each in await web.presence("user") if each.entity_id == "developer"]
        assert (me.entity_type, me.status) == ("user", "online")
        assert me.sessions
    (nobody,) = await web.presence("agent", "NOBODY")
    assert nobody.status == "offline"


async def test_who_comes_is_told_as_over_grpc(web: Client, grpc: Client) -> None:
    room = fresh("room")
    await grpc.channels.create(room, Policy(presence=True))
    async with (
        web.subscribe(room, presence=True) as here,
        grpc.subscribe(room, presence=True) as there,
    ):
        (seen,), (wanted,) = await read(here, 1), await read(there, 1)
    for each in (seen, wanted):
        assert each.type == "channel.presence_update"
        assert isinstance(each.content, dict)
        assert each.content["members"]


async def test_what_browsers_cannot_say_is_said_to_need_grpc(web: Client) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await web.publish("a b", "x")
    assert refused.value.code == "invalid_name"
    for asked in (
        web.publish_all("room", ["one", "two"]),
        web.publish("room", "x", expected_offset=3),
        web.publish("room", "x", ttl_seconds=3),
        anext(web.subscribe("room", unit=["other"])),
        web.unary(
            "AdminService/ListNodes",
            admin_pb2.ListNodesRequest(),
            admin_pb2.ListNodesResponse.FromString,
        ),
    ):
        with pytest.raises(Rejected, match="grpc://") as raised:
            await asked
        assert raised.value.code == "unimplemented"


async def test_where_no_edge_is_it_says_so() -> None:
    async with Client("http://127.0.0.1:9", timeout_seconds=0.5) as client:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
            await client.publish("room", "x")
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
            await anext(client.subscribe("room"))
        with pytest.raises(Unavailable, match="no edge answers"):
            await client.history("room")


async def test_nothing_runs_on_when_it_is_closed(doors: Doors) -> None:
    before = asyncio.all_tasks()
    async with Client(doors.http) as client:
        subscription = client.subscribe("room")
        async with subscription:
            await client.publish("room", "x")
        left = client.subscribe("room")
        await left.__aenter__()
    assert asyncio.all_tasks() == before


def test_scripts_have_it_too(doors: Doors) -> None:
    with SyncClient(doors.http) as client, client.subscribe("scripts") as subscription:
        sent = client.publish("scripts", {"a": 1})
        event = next(iter(subscription))
        assert isinstance(event, Event)
        assert (event.event_id, event.content) == (sent.event_id, {"a": 1})
