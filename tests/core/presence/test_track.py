"""A Track session: what it is told of others, with no change lost or doubled."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackroad.core.clock import SystemClock
from blackroad.core.errors import Code, Ending
from blackroad.core.identity.expiry import Expiry
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.identity.peer import Peers
from blackroad.core.identity.renewal import Renewal
from blackroad.core.presence.entity import Status
from blackroad.core.presence.track import TrackSession
from blackroad.core.presence.watch import PAGE_ITEMS, Watch
from blackroad.core.settings import AuthSettings
from blackroad.realtime.v1 import common_pb2, presence_pb2
from tests.core.presence.world import (
    ADA,
    BOB,
    LUCIDIA,
    SEE_ALL,
    TENANT,
    WATCHER,
    World,
    identity,
    open_world,
)
from tests.effort import examples

Request = presence_pb2.TrackRequest
Response = presence_pb2.TrackResponse
AGENT = common_pb2.ENTITY_KIND_AGENT
USER = common_pb2.ENTITY_KIND_USER
ALL = presence_pb2.Watch()


class Client:
    """The client's side of a session: it sends frames, and reads while `reading` is set."""

    def __init__(self) -> None:
        self.frames: list[Response] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.changed = asyncio.Event()
        self.served = asyncio.Event()  # a request was, and the next is asked for
        self._requests: asyncio.Queue[Request | None] = asyncio.Queue()

    async def write(self, message: bytes) -> None:
        await self.reading.wait()
        self.frames.append(Response.FromString(message))
        self.changed.set()

    async def sent(self) -> AsyncIterator[Request]:
        while (request := await self._requests.get()) is not None:
            yield request
            self.served.set()

    def send(self, request_id: str = "", **frame: object) -> None:
        self._requests.put_nowait(Request(request_id=request_id, **frame))  # type: ignore[arg-type]  # one arm by its name

    def half_close(self) -> None:
        self._requests.put_nowait(None)

    def of(self, kind: str) -> list[Response]:
        return [frame for frame in self.frames if frame.WhichOneof("frame") == kind]

    async def until(self, kind: str, count: int = 1) -> Response:
        """Return the frame of this kind that makes `count` of them."""
        async with asyncio.timeout(20):
            while len(found := self.of(kind)) < count:
                self.changed.clear()
                await self.changed.wait()
        return found[count - 1]

    async def answered(self) -> None:
        """Return when all that was sent so far was served."""
        pongs = len(self.of("pong"))
        self.send(ping=common_pb2.Ping())
        await self.until("pong", pongs + 1)

    def changes(self, request_id: str = "w") -> list[presence_pb2.Presence]:
        return [
            change.presence
            for frame in self.of("changes")
            if frame.request_id == request_id
            for change in frame.changes.changes
        ]

    def told(self, request_id: str = "w") -> list[tuple[str, str]]:
        return [(each.entity_id, Status(each.status).word) for each in self.changes(request_id)]

    def fold(self) -> dict[tuple[int, str], presence_pb2.Presence]:
        """Return what one who reads all frames in their order knows."""
        known: dict[tuple[int, str], presence_pb2.Presence] = {}
        for frame in self.frames:
            for each in (*frame.snapshot.entities, *(c.presence for c in frame.changes.changes)):
                known[each.entity_type, each.entity_id] = each
        return known


RENEW = Renewal(Peers(AuthSettings()), Expiry(SystemClock())).renew


@asynccontextmanager
async def tracking(world: World, who: Identity = WATCHER) -> AsyncGenerator[Client]:
    """Run a session with its client."""
    client = Client()
    session = TrackSession(
        who, client, world.roster, world.hub, world.clock, node="n1", development=False, renew=RENEW
    )
    running = asyncio.ensure_future(session.run(client.sent()))
    try:
        yield client
    finally:
        running.cancel()
        await asyncio.wait([running])


async def settled(world: World, client: Client) -> None:
    """Do what is due, and let the client read what came of it."""
    await world.told()
    await client.answered()
    await client.answered()


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
    session = TrackSession(
        ADA, client, world.roster, world.hub, world.clock, node="n1", development=False, renew=RENEW
    )
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
