"""A Track session: what it is asked, what it answers, and what ends it."""

import asyncio
from collections.abc import Callable

import pytest

from blackroad.core.errors import Code, Ending
from blackroad.core.hub.group import Frame
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.limits.budget import Budget
from blackroad.core.outbox import Outbox
from blackroad.core.presence.entity import Status
from blackroad.realtime.v1 import common_pb2, presence_pb2
from tests.core.presence.client import ALL, Client, session_of, tracking
from tests.core.presence.world import (
    ADA,
    LUCIDIA,
    SEE_ALL,
    TENANT,
    World,
    identity,
)

AGENT = common_pb2.ENTITY_KIND_AGENT


async def test_a_session_begins_with_welcome_whatever_comes_first(world: World) -> None:
    async with tracking(world) as client:
        client.send("p", ping=common_pb2.Ping(payload=b"hi"))
        pong = await client.until("pong")
        assert (pong.request_id, pong.pong.payload) == ("p", b"hi")
        assert client.frames[0].welcome.identity.subject == "watcher"
        assert client.frames[0].welcome.node == "n1"


async def test_an_announcement_needs_no_grant_and_is_answered_by_the_record(world: World) -> None:
    async with tracking(world, LUCIDIA) as client:
        said = presence_pb2.Announce(metadata_json='{"a":1}', capabilities=["code"])
        client.send("a", announce=said)
        frame = await client.until("announced")
        presence = frame.announced.presence
        assert (frame.request_id, presence.entity_id) == ("a", "LUCIDIA")
        assert (presence.entity_type, Status(presence.status).word) == (AGENT, "online")
        assert list(presence.sessions[0].capabilities) == ["code"]
        assert presence.sessions[0].session_id == client.frames[0].welcome.session_id
        assert frame.announced.lease.seconds == 30
        client.send(update=presence_pb2.UpdatePresence(status=presence_pb2.PRESENCE_STATUS_BUSY))
        presence = (await client.until("announced", 2)).announced.presence
        assert (Status(presence.status).word, presence.metadata_json) == ("busy", '{"a":1}')
        (told,) = await world.told()
        assert (told["entity_id"], told["status"]) == ("LUCIDIA", "busy")


async def test_what_is_refused_leaves_the_session_alive(world: World) -> None:
    async with tracking(world, ADA) as client:
        client.send("1", update=presence_pb2.UpdatePresence())
        client.send("2", announce=presence_pb2.Announce(metadata_json="[]"))
        client.send("3", watch=ALL)
        client.send("4", watch=presence_pb2.Watch(entity_id="x"))
        client.send("5", watch=presence_pb2.Watch(entity_type=common_pb2.ENTITY_KIND_GATEWAY))
        client.send("6", watch=presence_pb2.Watch(entity_type=99))  # type: ignore[arg-type]  # any number may come
        client.send("7")
        client.send("8", refresh=common_pb2.Refresh(token="x"))
        await client.until("rejected", 8)
        assert [(f.request_id, Code(f.rejected.code)) for f in client.of("rejected")] == [
            ("1", Code.NOT_FOUND),
            ("2", Code.BAD_FRAME),
            ("3", Code.FORBIDDEN),
            ("4", Code.MISSING_FIELD),
            ("5", Code.BAD_FRAME),
            ("6", Code.BAD_FRAME),
            ("7", Code.UNKNOWN_TYPE),
            ("8", Code.UNAUTHENTICATED),
        ]
        await client.answered()


async def test_another_protocol_ends_the_session(world: World) -> None:
    client = Client()
    session = session_of(world, client, ADA)
    client.send(hello=common_pb2.Hello(protocol_version=2))
    with pytest.raises(Ending) as ended:
        await session.run(client.sent())
    assert ended.value.code is Code.BAD_FRAME
    assert Code(client.frames[-1].closing.code) is Code.BAD_FRAME


@pytest.mark.parametrize(
    ("pattern", "kind", "entity_id", "allowed"),
    [
        ("presence.agent.*", "AGENT", "", True),
        ("presence.agent.*", "AGENT", "x", True),
        ("presence.agent.x", "AGENT", "x", True),
        ("presence.>", "UNSPECIFIED", "", True),
        ("presence.agent.x", "AGENT", "", False),
        ("presence.agent.x", "AGENT", "y", False),
        ("presence.agent.*", "USER", "", False),
        ("presence.agent.*", "UNSPECIFIED", "", False),
        (">", "UNSPECIFIED", "", False),
    ],
)
async def test_a_watch_needs_a_grant_that_covers_it(
    world: World, pattern: str, kind: str, entity_id: str, *, allowed: bool
) -> None:
    number = common_pb2.EntityKind.Value(f"ENTITY_KIND_{kind}")
    async with tracking(world, identity("w", Kind.SERVICE, pattern)) as client:
        client.send("w", watch=presence_pb2.Watch(entity_type=number, entity_id=entity_id))
        await client.answered()
        await client.answered()
        assert [bool(client.of("snapshot")), bool(client.of("rejected"))] == [allowed, not allowed]


async def test_a_leave_shows_at_once_and_ends_the_session(world: World) -> None:
    async with tracking(world, ADA) as client:
        client.send(announce=presence_pb2.Announce())
        await client.until("announced")
        await world.told()
        client.send(leave=common_pb2.Leave())
        closing = (await client.until("closing")).closing
        assert not closing.code
        assert await world.statuses() == [("ada", "offline")]


async def test_a_lost_client_shows_after_the_grace(world: World) -> None:
    async with tracking(world, ADA) as client:
        client.send(announce=presence_pb2.Announce())
        await client.until("announced")
        await world.told()
    assert await world.pass_time(4.9) == []
    (left,) = await world.pass_time(0.2)
    assert left["status"] == "offline"


async def test_half_close_ends_neither_the_entry_nor_the_watch(world: World) -> None:
    async with tracking(world, Identity(TENANT, "w", Kind.USER, (SEE_ALL,))) as client:
        client.send(announce=presence_pb2.Announce())
        client.send("w", watch=ALL)
        await client.until("snapshot")
        client.half_close()
        await world.roster.enter(ADA, "se_1")
        await world.told()
        await client.until("changes")
        assert client.told() == [("ada", "online")]
        assert [fields for fields in await world.pass_time(60) if fields["entity_id"] == "w"] == []


async def test_what_nobody_reads_counts_in_the_budget_of_all_queues(world: World) -> None:
    budget = Budget(1 << 20)
    large = '{"a":"' + "x" * 4000 + '"}'
    async with tracking(world, ADA, budget) as client:
        client.send(announce=presence_pb2.Announce(metadata_json=large))
        await client.until("announced")
        assert budget.total == 0
        client.reading.clear()
        for _ in range(20):
            client.send(update=presence_pb2.UpdatePresence())
        await _until(lambda: budget.total > 19 * 4000)
        client.reading.set()
        await client.until("announced", 21)
        assert budget.total == 0


async def test_where_all_queues_are_too_large_the_largest_ends_and_gives_back(
    world: World,
) -> None:
    budget = Budget(1 << 20)
    other = Outbox[Frame](b"".join, lambda _: None, budget=budget)
    other.put(bytes((1 << 20) - 10_000))
    large = '{"a":"' + "x" * 4000 + '"}'
    async with tracking(world, ADA, budget) as client:
        client.send(announce=presence_pb2.Announce(metadata_json=large))
        await client.until("announced")
        client.reading.clear()
        for _ in range(4):
            client.send(update=presence_pb2.UpdatePresence())
        await _until(lambda: budget.used_up)
        await _until(lambda: not budget.used_up)
        client.reading.set()
        closing = (await client.until("closing")).closing
        assert Code(closing.code) is Code.SLOW_CONSUMER


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)
