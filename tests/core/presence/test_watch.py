"""A watch of presence: a snapshot and what changes, with no change lost or doubled."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from blackroad.core.presence.entity import Status
from blackroad.core.presence.watch import PAGE_ITEMS, Watch
from blackroad.realtime.v1 import common_pb2, presence_pb2
from tests.core.presence.client import ALL, Client, Response, settled, tracking
from tests.core.presence.world import ADA, BOB, LUCIDIA, TENANT, World, identity, open_world
from tests.effort import examples

AGENT = common_pb2.ENTITY_KIND_AGENT
USER = common_pb2.ENTITY_KIND_USER


async def test_a_watch_is_a_snapshot_and_then_what_changes(world: World) -> None:
    await world.roster.enter(ADA, "se_1")
    await world.told()
    async with tracking(world) as client:
        client.send("w", watch=ALL)
        snapshot = await client.until("snapshot")
        assert (snapshot.request_id, snapshot.snapshot.complete) == ("w", True)
        assert [each.entity_id for each in snapshot.snapshot.entities] == ["ada"]
        await world.roster.enter(LUCIDIA, "se_2")
        await settled(world, client)
        await world.roster.leave("se_1", clean=True)
        await settled(world, client)
        assert client.told() == [("LUCIDIA", "online"), ("ada", "offline")]


async def test_what_the_snapshot_said_does_not_come_again(world: World) -> None:
    """The event of a change may still be on its way when the snapshot has it already."""
    async with tracking(world) as client:
        await world.roster.enter(ADA, "se_1")
        client.send("w", watch=ALL)
        await client.until("snapshot")
        await settled(world, client)
        assert client.told() == []
        await world.roster.update("se_1", Status.BUSY)
        await settled(world, client)
        assert client.told() == [("ada", "busy")]


async def test_a_watch_begins_anew_where_the_node_has_missed_changes(world: World) -> None:
    await world.roster.enter(ADA, "se_1")
    await world.told()
    async with tracking(world) as client:
        client.send("w", watch=ALL)
        assert len((await client.until("snapshot")).snapshot.entities) == 1
        before = world.hub.heads
        await world.roster.leave("se_1", clean=True)
        await settled(world, client)
        # As if the node had read nothing of it: what it reads next does not follow.
        client.frames.clear()
        world.hub.heads = before
        await world.catch_up()
        snapshot = (await client.until("snapshot")).snapshot
        assert snapshot.complete
        assert not snapshot.entities
        await client.answered()
        assert client.changes() == []


async def test_a_watch_hears_of_its_own_kind_entity_and_tenant_only(world: World) -> None:
    async with tracking(world) as client:
        client.send("agents", watch=presence_pb2.Watch(entity_type=AGENT))
        client.send("ada", watch=presence_pb2.Watch(entity_type=USER, entity_id="ada"))
        client.send("all", watch=ALL)
        await client.until("snapshot", 3)
        (absent,) = client.of("snapshot")[1].snapshot.entities
        assert (absent.entity_id, Status(absent.status).word) == ("ada", "offline")
        for number, who in enumerate((ADA, BOB, LUCIDIA, identity("eve", tenant="other"))):
            await world.roster.enter(who, f"se_{number}")
        await world.occupants.join("acme.agents", ADA, "se_0")
        await world.occupants.settle()
        await settled(world, client)
        assert client.told("agents") == [("LUCIDIA", "online")]
        assert client.told("ada") == [("ada", "online")]
        assert sorted(client.told("all")) == [
            ("LUCIDIA", "online"),
            ("ada", "online"),
            ("bob", "online"),
        ]


async def test_all_that_the_node_hands_on_at_once_is_one_frame(world: World) -> None:
    async with tracking(world) as client:
        client.send("w", watch=ALL)
        await client.until("snapshot")
        for number in range(50):
            await world.roster.enter(identity(f"u{number}"), f"se_{number}")
        await settled(world, client)
        assert len(client.of("changes")) == 1
        assert len(client.changes()) == 50


async def test_unwatch_ends_a_watch_and_the_same_watch_anew_begins_again(world: World) -> None:
    async with tracking(world) as client:
        client.send("w", watch=ALL)
        client.send("v", watch=ALL)
        await client.until("snapshot", 2)
        await world.roster.enter(ADA, "se_1")
        await settled(world, client)
        assert (client.told("w"), client.told("v")) == ([], [("ada", "online")])
        client.send("u", unwatch=presence_pb2.Unwatch())
        assert (await client.until("accepted")).request_id == "u"
        await world.roster.leave("se_1", clean=True)
        await settled(world, client)
        assert len(client.changes("v")) == 1


async def test_a_snapshot_comes_in_pages_and_changes_after_them(world: World) -> None:
    many = 2 * PAGE_ITEMS + 10
    for number in range(many):
        await world.roster.enter(identity(f"u{number:05}"), f"se_{number}")
    await world.told()
    async with tracking(world) as client:
        client.send("w", watch=ALL)
        await client.until("snapshot", 3)
        completes = [frame.snapshot.complete for frame in client.of("snapshot")]
        assert completes == [False, False, True]
        assert len(client.fold()) == many


async def test_a_change_between_two_pages_of_the_snapshot_is_not_lost(world: World) -> None:
    large = '{"a":"' + "x" * 4000 + '"}'
    for number in range(400):
        await world.roster.enter(identity(f"u{number:03}"), f"se_{number:03}", 0, large)
    await world.told()
    async with tracking(world) as client:
        client.reading.clear()
        client.send("w", watch=ALL)
        async with asyncio.timeout(5):
            await client.served.wait()
        for session_id in ("se_000", "se_399"):
            await world.roster.update(session_id, Status.BUSY)
        await world.told()
        client.reading.set()
        await client.answered()
        await settled(world, client)
        assert len(client.of("snapshot")) > 4
        assert client.told() == [("u000", "busy")]
        busy = [
            each.entity_id for each in client.fold().values() if Status(each.status) is Status.BUSY
        ]
        assert busy == ["u000", "u399"]


async def test_an_event_that_the_hub_has_yet_to_hand_on_is_not_said_again(world: World) -> None:
    watch = Watch("w", "acme.presence.*.*", None, world.roster, world.hub, world.clock, _ignore)
    watch.open()
    await world.roster.enter(ADA, "se_1")
    await world.roster.step()
    assert Response.FromString(watch.next() or b"").snapshot.entities[0].entity_id == "ada"
    assert world.seen == []  # the log has it, the hub has not handed it on
    await world.catch_up()
    assert (len(world.seen), watch.next()) == (1, None)
    watch.close()


def _ignore(watch: Watch) -> None:
    pass


async def test_a_slow_reader_gets_each_record_once_as_it_stands(world: World) -> None:
    large = '{"a":"' + "x" * 4000 + '"}'
    who = [identity(f"u{number}") for number in range(900)]
    async with tracking(world) as client:
        client.send("w", watch=ALL)
        await client.until("snapshot")
        client.reading.clear()
        for round_ in (Status.ONLINE, Status.AWAY, Status.BUSY):
            for number, each in enumerate(who):
                await world.roster.enter(each, f"se_{number}", round_, large)
            await world.told()
        client.reading.set()
        await settled(world, client)
        async with asyncio.timeout(20):
            while {Status(each.status).word for each in client.fold().values()} != {"busy"}:
                client.changed.clear()
                await client.changed.wait()
        assert len(client.fold()) == 900
        assert len(client.changes()) < 2 * 900
        versions = [(each.entity_id, each.version) for each in client.changes()]
        assert len(set(versions)) == len(versions)


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "leave", "lose", "step", "wait", "watch", "yield"]),
        st.integers(0, 4),
        st.sampled_from([Status.ONLINE, Status.AWAY, Status.BUSY]),
    ),
    max_size=40,
)


@settings(max_examples=examples(60), deadline=None)
@given(_ACTS, st.integers(1, 3))
def test_folding_what_a_watcher_gets_gives_the_list(
    acts: list[tuple[str, int, Status]], partitions: int
) -> None:
    asyncio.run(_watch_and_compare(acts, partitions))


async def _watch_and_compare(acts: list[tuple[str, int, Status]], partitions: int) -> None:
    async with open_world(World(partitions=partitions)) as world, tracking(world) as client:
        for what, number, said in acts:
            match what:
                case "enter":
                    await world.roster.enter(identity(f"u{number}"), f"se_{number}", said)
                case "leave" | "lose":
                    await world.roster.leave(f"se_{number}", what == "leave")
                case "step":
                    await world.roster.step()
                case "wait":
                    world.clock.advance(number)
                case "watch":
                    client.send("w", watch=ALL)
                case _:
                    await asyncio.sleep(0)
        client.send("w", watch=ALL) if not any(act[0] == "watch" for act in acts) else None
        await client.answered()
        await world.roster.step()
        world.clock.advance(1)
        await settled(world, client)
        here, _ = world.roster.list(TENANT)
        known = [each for each in _since_last_snapshot(client).values() if each.sessions]
        assert sorted(map(_facts, known)) == sorted(map(_facts, here))
        versions = [(each.entity_id, each.version) for each in client.changes()]
        assert len(set(versions)) == len(versions)


def _since_last_snapshot(client: Client) -> dict[tuple[int, str], presence_pb2.Presence]:
    last = max(
        n for n, frame in enumerate(client.frames) if frame.WhichOneof("frame") == "snapshot"
    )
    del client.frames[:last]
    return client.fold()


def _facts(presence: presence_pb2.Presence) -> tuple[object, ...]:
    sessions = [session.session_id for session in presence.sessions]
    return presence.entity_id, presence.status, presence.version, sessions
