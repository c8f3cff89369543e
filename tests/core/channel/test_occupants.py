"""Occupants: each identity once, a seat until the grace has passed, and what is told of it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from blackroad.core.channel.occupants import SHARE_SECONDS, Occupants
from blackroad.core.channel.room import ONE_BY_ONE
from blackroad.core.clock import SystemClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.fleet.board import Board
from blackroad.core.fleet.words import COMMON, Items, data_of
from blackroad.realtime.v1 import channel_pb2, event_pb2
from tests.core.channel.tape import TapeLog
from tests.core.channel.world import ADA, ADMIN, BOB, World, identity

AGENTS = "acme.agents"
PLANS = "acme.plans"


def joined(client_id: str, count: int) -> tuple[str, dict[str, object]]:
    return "room.joined", {"room": "agents", "client_id": client_id, "member_count": count}


def left(client_id: str, count: int) -> tuple[str, dict[str, object]]:
    return "room.left", {"room": "agents", "client_id": client_id, "member_count": count}


async def crowd(world: World, key: str, first: int, last: int) -> None:
    """Let identities of these numbers join."""
    for number in range(first, last):
        await world.occupants.join(key, identity(f"c{number:03}"), "se_c")


async def disperse(world: World, key: str, first: int, last: int) -> None:
    """Let them leave."""
    for number in range(first, last):
        world.occupants.leave(key, identity(f"c{number:03}"), "se_c", clean=True)


async def test_an_identity_counts_from_its_first_session_to_its_last(world: World) -> None:
    world.watch("acme.presence.channel.agents")
    await world.occupants.join(AGENTS, ADA, "se_1")
    await world.occupants.join(AGENTS, ADA, "se_2")
    await world.occupants.join(AGENTS, ADA, "se_2")
    await world.occupants.join(AGENTS, BOB, "se_3")
    assert world.occupants.count(AGENTS) == 2
    assert await world.told() == [joined("ada", 1), joined("bob", 2)]
    world.occupants.leave(AGENTS, ADA, "se_1", clean=True)
    assert await world.told() == []
    world.occupants.leave(AGENTS, ADA, "se_2", clean=True)
    world.occupants.leave(AGENTS, ADA, "se_2", clean=True)
    assert await world.told() == [left("ada", 1)]


async def test_a_lost_session_keeps_its_seat_for_the_grace(world: World) -> None:
    world.watch("acme.presence.channel.agents")
    await world.occupants.join(AGENTS, ADA, "se_1")
    world.occupants.leave(AGENTS, ADA, "se_1", clean=False)
    world.clock.advance(4.9)
    assert await world.told() == [joined("ada", 1)]
    world.clock.advance(0.2)
    assert await world.told() == [left("ada", 0)]


async def test_a_reload_does_not_flap(world: World) -> None:
    world.watch("acme.presence.channel.agents")
    for number in range(5):
        await world.occupants.join(AGENTS, ADA, f"se_{number}")
        world.clock.advance(3)
        world.occupants.leave(AGENTS, ADA, f"se_{number}", clean=False)
        world.clock.advance(3)
        assert await world.told() == ([joined("ada", 1)] if number == 0 else [])
    world.clock.advance(3)
    assert await world.told() == [left("ada", 0)]


async def test_who_came_back_in_time_stays(world: World) -> None:
    await world.occupants.join(AGENTS, ADA, "se_1")
    world.occupants.leave(AGENTS, ADA, "se_1", clean=False)
    world.clock.advance(3)
    await world.occupants.join(AGENTS, ADA, "se_2")
    world.clock.advance(3)
    await world.occupants.settle()
    assert world.occupants.present(AGENTS, "ada")


async def test_a_channel_without_presence_has_no_occupants(world: World) -> None:
    world.watch("acme.presence.>")
    await world.occupants.join("acme.tasks", ADA, "se_1")
    assert world.occupants.count("acme.tasks") == 0
    world.occupants.leave("acme.tasks", ADA, "se_1", clean=True)
    assert await world.told() == []


async def test_a_full_channel_takes_nobody_until_a_seat_is_free(world: World) -> None:
    await world.make("plans", presence=True, max_members=2)
    await world.occupants.join(PLANS, ADA, "se_1")
    await world.occupants.join(PLANS, BOB, "se_2")
    cyd = identity("cyd")

    async def is_full() -> bool:
        try:
            await world.occupants.join(PLANS, cyd, "se_3")
        except Rejection as rejection:
            assert rejection.code is Code.CHANNEL_FULL  # noqa: PT017
            assert rejection.channel == "plans"  # noqa: PT017
            return True
        return False

    assert await is_full()
    await world.occupants.join(PLANS, ADA, "se_4")  # who is in may come again
    world.occupants.leave(PLANS, ADA, "se_4", clean=True)
    world.occupants.leave(PLANS, ADA, "se_1", clean=False)
    assert await is_full()  # the seat is held
    world.clock.advance(5)
    await world.occupants.settle()
    assert not await is_full()


async def test_of_many_who_come_at_once_as_many_get_in_as_there_are_seats(world: World) -> None:
    await world.make("plans", presence=True, max_members=7)
    results = await asyncio.gather(
        *(world.occupants.join(PLANS, identity(f"c{n}"), "se_c") for n in range(50)),
        return_exceptions=True,
    )
    assert results.count(None) == 7
    assert world.occupants.count(PLANS) == 7


async def test_a_made_channel_tells_in_its_own_words(world: World) -> None:
    await world.make("plans", presence=True)
    world.watch("acme.presence.channel.plans")
    await world.occupants.join(PLANS, ADA, "se_1")
    await world.occupants.join(PLANS, BOB, "se_2")
    base = {"channel_id": "plans"}
    assert await world.told() == [
        ("channel.member_joined", {**base, "client_id": "ada", "member_count": 1}),
        ("channel.member_joined", {**base, "client_id": "bob", "member_count": 2}),
        (
            "channel.presence_update",
            {
                **base,
                "member_count": 2,
                "changes": [
                    {"client_id": "ada", "change": "joined"},
                    {"client_id": "bob", "change": "joined"},
                ],
            },
        ),
    ]
    world.occupants.leave(PLANS, ADA, "se_1", clean=True)
    assert await world.told() == [
        ("channel.member_left", {**base, "client_id": "ada", "member_count": 1}),
        (
            "channel.presence_update",
            {**base, "member_count": 1, "changes": [{"client_id": "ada", "change": "left"}]},
        ),
    ]


async def test_a_snapshot_lists_who_is_here(world: World) -> None:
    await world.make("plans", presence=True)
    for who in (BOB, ADA):
        await world.occupants.join(PLANS, who, "se_1")
    record = world.occupants.snapshot(PLANS)
    assert record is not None
    event = event_pb2.Event.FromString(record.body)
    assert (event.channel, event.type) == ("presence.channel.plans", "channel.presence_update")
    members = [{"client_id": "ada"}, {"client_id": "bob"}]
    assert json.loads(event.json) == {"channel_id": "plans", "member_count": 2, "members": members}


async def test_only_made_channels_with_presence_have_a_snapshot(world: World) -> None:
    await world.make("plans")
    assert world.occupants.snapshot(PLANS) is None
    assert world.occupants.snapshot(AGENTS) is None


async def test_above_the_bound_only_the_number_is_told_once_a_second(world: World) -> None:
    world.watch("acme.presence.channel.agents")
    await crowd(world, AGENTS, 0, ONE_BY_ONE)
    assert [kind for kind, _ in await world.told()] == ["room.joined"] * ONE_BY_ONE
    await crowd(world, AGENTS, ONE_BY_ONE, ONE_BY_ONE + 50)
    number = ("room.member_count", {"room": "agents", "member_count": ONE_BY_ONE + 50})
    assert await world.told() == [number]
    for step in range(51, 59):
        await crowd(world, AGENTS, ONE_BY_ONE + step - 1, ONE_BY_ONE + step)
        world.clock.advance(0.1)
        assert await world.told() == []
    world.clock.advance(0.2)
    assert await world.told() == [
        ("room.member_count", {"room": "agents", "member_count": ONE_BY_ONE + 58})
    ]
    world.clock.advance(60)
    assert await world.told() == []


async def test_a_list_that_is_short_again_is_told_whole(world: World) -> None:
    await world.make("plans", presence=True)
    world.watch("acme.presence.channel.plans")
    await crowd(world, PLANS, 0, ONE_BY_ONE + 2)
    told = await world.told()
    assert told[-1] == (
        "channel.presence_update",
        {"channel_id": "plans", "member_count": ONE_BY_ONE + 2},
    )
    world.clock.advance(1)
    await disperse(world, PLANS, 0, 2)
    told = await world.told()
    assert [kind for kind, _ in told] == ["channel.member_left", *["channel.presence_update"] * 2]
    everyone = [{"client_id": f"c{n:03}"} for n in range(2, ONE_BY_ONE + 2)]
    assert told[-1][1]["members"] == everyone


async def test_turns_too_many_to_tell_become_the_number(world: World) -> None:
    world.watch("acme.presence.channel.agents")
    for _ in range(ONE_BY_ONE):
        await crowd(world, AGENTS, 0, 1)
        await disperse(world, AGENTS, 0, 1)
    told = await world.told()
    assert len(told) <= ONE_BY_ONE
    world.clock.advance(1)
    told += await world.told()
    assert told[-1][1]["member_count"] == 0


async def test_what_the_log_did_not_take_is_told_as_the_number(world: World) -> None:
    log = TapeLog(world.clock)
    occupants = Occupants(log, world.publisher, world.directory, world.clock)
    log.away = True
    await occupants.join(AGENTS, ADA, "se_1")
    await occupants.settle()
    log.away = False
    await occupants.join(AGENTS, BOB, "se_2")
    await occupants.settle()
    number = ("room.member_count", {"room": "agents", "member_count": 2})
    assert log.tape == [joined("bob", 2), number]


async def test_a_deleted_channel_has_no_occupants(world: World) -> None:
    await world.make("plans", presence=True)
    await world.occupants.join(PLANS, ADA, "se_1")
    await world.calls.delete_channel(ADMIN, channel_pb2.DeleteChannelRequest(name="plans"))
    assert world.occupants.count(PLANS) == 0
    world.occupants.leave(PLANS, ADA, "se_1", clean=False)
    world.clock.advance(9)
    await world.occupants.settle()


async def test_presence_that_is_switched_off_and_on_starts_anew(world: World) -> None:
    await world.make("plans", presence=True)
    await world.occupants.join(PLANS, ADA, "se_1")
    request = channel_pb2.UpdateChannelRequest(name="plans")
    request.update_mask.paths.append("policy.presence")
    await world.calls.update_channel(ADMIN, request)
    assert world.occupants.count(PLANS) == 0
    request.policy.presence = True
    await world.calls.update_channel(ADMIN, request)
    await world.occupants.join(PLANS, ADA, "se_1")
    assert world.occupants.count(PLANS) == 1


async def test_tenants_do_not_share_a_room(world: World) -> None:
    await world.occupants.join(AGENTS, ADA, "se_1")
    await world.occupants.join("other.agents", identity("ada", tenant="other"), "se_2")
    assert world.occupants.count(AGENTS) == 1
    assert world.occupants.count("other.agents") == 1
    assert world.occupants.page(AGENTS, "", 10) == [("ada", world.clock.time_ns())]


@asynccontextmanager
async def running(occupants: Occupants) -> AsyncGenerator[None]:
    """Run the occupants' task."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(occupants.run())
        try:
            yield
        finally:
            task.cancel()


async def test_the_task_tells_turns_and_the_end_of_the_grace(world: World) -> None:
    occupants = Occupants(world.log, world.publisher, world.directory, SystemClock(), 0.05)
    told: asyncio.Queue[str] = asyncio.Queue()
    world.hub.watch("acme.presence.channel.agents", lambda entry: told.put_nowait(entry.type))
    async with running(occupants), asyncio.timeout(5):
        await occupants.join(AGENTS, ADA, "se_1")
        assert await told.get() == "room.joined"
        occupants.leave(AGENTS, ADA, "se_1", clean=False)
        assert await told.get() == "room.left"


async def test_who_cannot_have_a_seat_noted_has_none(world: World) -> None:
    await world.make("plans", presence=True)
    await world.catch_up()
    board = Board(world.log, "me", alone=False)  # which does not run: nothing is noted
    occupants = Occupants(world.log, world.publisher, world.directory, world.clock, board=board)
    joining = asyncio.create_task(occupants.join(PLANS, ADA, "se_1"))
    await asyncio.sleep(0)
    assert occupants.count(PLANS) == 1
    joining.cancel()  # as when its time is over, or its session
    await asyncio.wait([joining])
    assert occupants.count(PLANS) == 0
    assert not board.has("seat", f"{PLANS} ada")


async def test_a_seat_that_another_node_has_given_counts_once_what_was_missed_is_said(
    world: World,
) -> None:
    await world.make("plans", presence=True, max_members=1)
    await world.catch_up()
    board = Board(world.log, "me", alone=False)
    occupants = Occupants(world.log, world.publisher, world.directory, world.clock, board=board)
    ada, bob = f"{PLANS} ada", f"{PLANS} bob"
    board.take(Items("other", [("seat", ada, b"1")]), 1)
    # That she has gone, this node has missed: there is no seat, as far as it knows.
    board.take(Items("other", [("seat", bob, b"2")]), 3)
    assert [who for who, _ in occupants.page(PLANS, "", 9)] == ["ada"]
    board.take(Items("other", [("seat", bob, b"2")], first=True, last=True), 4, missed=True)
    assert [who for who, _ in occupants.page(PLANS, "", 9)] == ["bob"]
    assert occupants.count(PLANS) == 1


async def test_who_comes_back_before_the_leave_is_heard_waits_for_its_own_seat(
    world: World,
) -> None:
    await world.make("plans", presence=True, max_members=1)
    await world.catch_up()
    world.watch(COMMON)
    board = Board(world.log, "me", alone=False)
    occupants = Occupants(world.log, world.publisher, world.directory, world.clock, board=board)

    async def hear() -> None:
        """Take up what this node has said, as it comes back by the log."""
        await board.flush()
        await world.catch_up()
        for entry in world.seen:
            board.take(msgspec.msgpack.decode(data_of(entry), type=Items), 1)
        world.seen.clear()

    async with asyncio.timeout(SHARE_SECONDS / 2), asyncio.TaskGroup() as tasks:
        tasks.create_task(occupants.join(PLANS, ADA, "se_1"))
        await asyncio.sleep(0)
        await hear()
    occupants.leave(PLANS, ADA, "se_1", clean=True)
    await board.flush()
    world.clock.advance(1)
    async with asyncio.timeout(SHARE_SECONDS / 2), asyncio.TaskGroup() as tasks:
        tasks.create_task(occupants.join(PLANS, ADA, "se_1"))
        await asyncio.sleep(0)
        await hear()
    assert occupants.count(PLANS) == 1
