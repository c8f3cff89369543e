"""The roster: who is told of what, and when."""

import asyncio
import json

from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.presence.entity import Status
from tests.core.presence.world import ADA, BOB, LUCIDIA, TENANT, Fields, World, identity, open_world

ONLINE, AWAY, BUSY = Status.ONLINE, Status.AWAY, Status.BUSY


def status(world: World, who: Identity) -> str:
    return Status(world.roster.get(who.tenant, who.kind, who.subject).status).word


async def test_who_enters_is_told_once_with_all_that_it_said(world: World) -> None:
    await world.roster.enter(ADA, "se_1", AWAY, '{"mood":"calm"}')
    await world.roster.step()
    await world.catch_up()
    (entry,) = world.seen
    assert (entry.key, entry.type) == ("acme.presence.user.ada", "presence.status")
    event = entry.event
    assert (event.channel, event.sender) == ("presence.user.ada", "ada")
    fields = json.loads(event.json)
    assert fields.pop("version") > 0
    assert fields == {
        "entity_id": "ada",
        "entity_type": "user",
        "status": "away",
        "last_seen": "2023-11-14T22:13:20.000Z",
        "metadata": {"mood": "calm"},
        "capabilities": [],
        "sessions": 1,
        "active": 0,
    }


async def test_an_agents_changes_are_agent_status_on_its_own_channel(world: World) -> None:
    await world.roster.enter(LUCIDIA, "se_1")
    await world.roster.step()
    await world.catch_up()
    assert [(entry.key, entry.type) for entry in world.seen] == [
        ("acme.presence.agent.LUCIDIA", "agent.status")
    ]


async def test_an_id_that_is_no_token_has_a_channel_all_the_same(world: World) -> None:
    someone = identity("ada@example.org/phone 2")
    await world.roster.enter(someone, "se_1")
    assert await world.statuses() == [("ada@example.org/phone 2", "online")]
    assert status(world, someone) == "online"


async def test_a_clean_leave_shows_at_once_and_once(world: World) -> None:
    await world.roster.enter(ADA, "se_1")
    await world.told()
    await world.roster.leave("se_1", clean=True)
    await world.roster.leave("se_1", clean=True)
    await world.roster.leave("se_1", clean=False)
    assert await world.statuses() == [("ada", "offline")]
    assert await world.pass_time(60) == []
    assert status(world, ADA) == "offline"


async def test_a_lost_connection_shows_after_the_grace_and_once(world: World) -> None:
    await world.roster.enter(ADA, "se_1")
    await world.told()
    await world.roster.leave("se_1", clean=False)
    assert await world.pass_time(4.9) == []
    assert status(world, ADA) == "online"
    (left,) = await world.pass_time(0.1)
    assert left["status"] == "offline"
    assert left["last_seen"] == "2023-11-14T22:13:20.000Z"  # when it was lost, not when it showed
    assert await world.pass_time(60) == []


async def test_who_comes_back_within_the_grace_does_not_flap(world: World) -> None:
    await world.roster.enter(ADA, "se_1")
    await world.told()
    await world.roster.leave("se_1", clean=False)
    world.clock.advance(4)
    await world.roster.enter(ADA, "se_2")
    assert {fields["status"] for fields in await world.pass_time(30)} <= {"online"}
    record = world.roster.get(TENANT, Kind.USER, "ada")
    assert [session.session_id for session in record.sessions] == ["se_2"]


async def test_the_same_session_may_come_back_under_its_id(world: World) -> None:
    first = await world.roster.enter(ADA, "se_1")
    await world.roster.leave("se_1", clean=False, stay=first)
    await world.roster.enter(ADA, "se_1")
    assert [fields["status"] for fields in await world.pass_time(30)] == ["online"]


async def test_a_late_close_does_not_evict_the_connection_that_came_after(world: World) -> None:
    first = await world.roster.enter(ADA, "se_1")
    second = await world.roster.enter(ADA, "se_1")
    await world.roster.leave("se_1", clean=True, stay=first)
    assert status(world, ADA) == "online"
    await world.roster.leave("se_1", clean=True, stay=second)
    assert status(world, ADA) == "offline"


async def test_a_worker_takes_over_from_a_lost_worker_only(world: World) -> None:
    await world.roster.enter(LUCIDIA, "se_1", max_concurrency=2)
    await world.roster.leave("se_1", clean=False)
    await world.roster.enter(LUCIDIA, "se_2")
    record = world.roster.get(TENANT, Kind.AGENT, "LUCIDIA")
    assert [session.session_id for session in record.sessions] == ["se_1", "se_2"]
    await world.roster.enter(LUCIDIA, "se_3", max_concurrency=2)
    record = world.roster.get(TENANT, Kind.AGENT, "LUCIDIA")
    assert [session.session_id for session in record.sessions] == ["se_2", "se_3"]


async def test_an_entity_stays_until_its_last_session_has_left(world: World) -> None:
    for number in range(3):
        await world.roster.enter(ADA, f"se_{number}")
    await world.told()
    for number in range(3):
        await world.roster.leave(f"se_{number}", clean=True)
        assert status(world, ADA) == ("offline" if number == 2 else "online")
    assert [fields["status"] for fields in await world.told()] == ["offline"]


async def test_an_update_changes_what_is_given_and_nothing_else(world: World) -> None:
    await world.roster.enter(ADA, "se_1", AWAY, '{"a":1}')
    await world.told()
    await world.roster.update("se_1", metadata_json='{"a":2}')
    (told,) = await world.told()
    assert (told["status"], told["metadata"]) == ("away", {"a": 2})
    await world.roster.update("se_1", BUSY)
    (told,) = await world.told()
    assert (told["status"], told["metadata"]) == ("busy", {"a": 2})


async def test_what_changes_nothing_is_told_to_nobody(world: World) -> None:
    await world.roster.enter(ADA, "se_1", AWAY, '{"a":1}', ["code"])
    await world.told()
    assert await world.pass_time(3600) == []  # a hundred leases were renewed
    record = world.roster.get(TENANT, Kind.USER, "ada")
    assert (Status(record.status), record.metadata_json) == (AWAY, '{"a":1}')
    assert list(record.sessions[0].capabilities) == ["code"]


async def test_the_core_sets_busy_at_max_concurrency_and_takes_it_back(world: World) -> None:
    await world.roster.enter(LUCIDIA, "se_1", max_concurrency=2)
    await world.told()
    world.roster.load("se_1", 2)
    assert await world.statuses() == [("LUCIDIA", "busy")]
    world.roster.load("se_1", 1)
    assert await world.statuses() == [("LUCIDIA", "online")]


async def test_how_busy_an_agent_is_comes_at_most_once_a_second(world: World) -> None:
    await world.roster.enter(LUCIDIA, "se_1", max_concurrency=1000)
    await world.told()
    told: list[Fields] = []
    for active in range(1, 101):
        world.roster.load("se_1", active)
        told += await world.pass_time(0.1)
    told += await world.pass_time(1)
    assert 9 <= len(told) <= 11
    assert told[-1]["active"] == 100


async def test_a_worker_makes_present_whom_it_serves(world: World) -> None:
    fleet = identity("fleet", Kind.SERVICE)
    await world.roster.enter(fleet, "se_1", max_concurrency=1, entity=(Kind.AGENT, "ECHO"))
    assert await world.statuses() == [("ECHO", "online")]
    assert status(world, fleet) == "offline"


async def test_one_append_tells_all_of_a_tick(world: World) -> None:
    for number in range(200):
        world.roster.arrive(identity(f"u{number}"), f"se_{number}")
    await world.roster.step()
    assert world.log.calls == [200]


async def test_an_acknowledged_change_is_in_the_log_while_it_runs(world: World) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.roster.run())
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            for number in range(3):
                await world.roster.enter(ADA, f"se_{number}", AWAY)
                await world.roster.update(f"se_{number}", BUSY)
                await world.roster.leave(f"se_{number}", clean=True)
        await world.catch_up()
        running.cancel()
    statuses = [json.loads(entry.event.json)["status"] for entry in world.seen]
    assert statuses == ["away", "busy", "offline"] * 3


async def test_concurrent_and_cancelled_calls_lose_nothing(world: World) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.roster.run())
        await asyncio.sleep(0)
        entering = [
            asyncio.ensure_future(world.roster.enter(identity(f"u{number}"), f"se_{number}"))
            for number in range(40)
        ]
        await asyncio.sleep(0)
        for call in entering[::2]:
            call.cancel()
        async with asyncio.timeout(5):
            results = await asyncio.gather(*entering, return_exceptions=True)
            await asyncio.gather(*(world.roster.leave(f"se_{n}", clean=True) for n in range(20)))
        await world.catch_up()
        running.cancel()
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 20
    assert len(world.roster) == 20
    left = [entry for entry in world.seen if json.loads(entry.event.json)["status"] == "offline"]
    assert len(left) == 20


async def test_nobody_waits_for_a_roster_that_has_ended(world: World) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.roster.run())
        await asyncio.sleep(0)
        entering = tasks.create_task(world.roster.enter(ADA, "se_1"))
        running.cancel()
        async with asyncio.timeout(5):
            await entering
            await world.roster.leave("se_1", clean=True)


async def test_what_the_log_refuses_is_told_when_it_is_back(world: World) -> None:
    world.log.away = True
    await world.roster.enter(ADA, "se_1")
    await world.roster.enter(BOB, "se_2")
    await world.roster.step()
    await world.roster.leave("se_2", clean=True)
    await world.roster.step()
    assert world.log.calls == [2]  # not again within the second
    world.log.away = False
    world.clock.advance(1)
    assert await world.statuses() == [("ada", "online"), ("bob", "offline")]


async def test_a_drain_makes_nobody_flap(world: World) -> None:
    await world.roster.enter(ADA, "se_1")
    await world.roster.enter(BOB, "se_2")
    await world.told()
    world.roster.drain()
    await world.roster.leave("se_1", clean=False)
    assert await world.pass_time(60) == []
    await world.roster.leave("se_2", clean=True)
    assert await world.statuses() == [("bob", "offline")]


async def test_an_entry_whose_connection_is_gone_without_a_word_ends_with_its_lease() -> None:
    held = {"se_1", "se_2"}
    async with open_world(World(alive=held.__contains__)) as world:
        await world.roster.enter(ADA, "se_1")
        await world.roster.enter(BOB, "se_2")
        told = await world.pass_time(11)
        held.remove("se_1")
        for _ in range(4):
            told += await world.pass_time(11)
        assert [(fields["entity_id"], fields["status"]) for fields in told] == [
            ("ada", "online"),
            ("bob", "online"),
            ("ada", "offline"),
        ]
