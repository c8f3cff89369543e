"""A Connect session: what a client is told, whatever it follows, resumes and fails to read."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackroad.core.channel.connect import ConnectSession
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.parts import Parts
from blackroad.core.channel.rules import Rules
from blackroad.core.channel.start import Starter
from blackroad.core.clock import SystemClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.hub.group import Groups
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.development import developer_service, developer_user
from blackroad.core.identity.expiry import Expiry
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.peer import Peers
from blackroad.core.identity.renewal import Renewal
from blackroad.core.log.cursor import decode_cursor
from blackroad.core.log.entry import Positions
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.publisher import Publisher
from blackroad.core.settings import AuthSettings
from blackroad.core.ticker import Ticker
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2
from tests.effort import examples

Request = channel_pb2.ConnectRequest
Response = channel_pb2.ConnectResponse


class NoAnswers:
    """A node on which nobody has invoked anything."""

    async def snapshot(
        self, identity: Identity, key: str
    ) -> tuple[event_pb2.AnswerSnapshot, Positions]:
        raise Rejection(Code.NOT_FOUND)

    def viewer_joined(self, key: str, session_id: str) -> None:
        raise AssertionError("nobody views an answer here")

    viewer_left = viewer_joined


class Node:
    """The parts that a session stands on, running."""

    def __init__(self, partitions: int = 1) -> None:
        clock = SystemClock()
        self.log = MemoryLog(MemoryLogSettings(partitions=partitions), clock)
        self.hub = Hub(self.log)
        self.directory = Directory(Rules({}))
        self.hub.is_private = self.directory.is_private
        self.hub.control = self.directory.apply
        self.publisher = Publisher(self.log, self.directory, clock)
        self.occupants = Occupants(self.log, self.publisher, self.directory, clock)
        starter = Starter(self.hub, self.directory, NoAnswers())
        self.parts = Parts(self.hub, self.directory, self.occupants, starter, NoAnswers())
        self.groups = Groups(self.hub)
        self.ticker = Ticker()
        self.renew = Renewal(Peers(AuthSettings()), Expiry(clock)).renew

    async def publish(self, channel: str, text: str = "hi") -> int:
        """Publish one event and return its offset."""
        request = channel_pb2.PublishRequest(channel=channel, events=[event_pb2.Draft(text=text)])
        response = await self.publisher.publish(developer_service(), "", request)
        return response.events[0].offset


@dataclass
class Client:
    """The client's side of a session: it sends frames, and reads while `reading` is set."""

    frames: list[Response] = field(default_factory=list)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    requests: asyncio.Queue[Request | None] = field(default_factory=asyncio.Queue)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, message: bytes) -> None:
        await self.reading.wait()
        response = Response.FromString(message)
        self.frames.extend(response.batch.frames or [response])
        self.changed.set()

    async def sent(self) -> AsyncIterator[Request]:
        while (request := await self.requests.get()) is not None:
            yield request

    def send(self, **frame: object) -> None:
        self.requests.put_nowait(Request(**frame))  # type: ignore[arg-type]  # one arm by its name

    def kinds(self) -> list[str | None]:
        return [frame.WhichOneof("frame") for frame in self.frames]

    async def until(self, kind: str, count: int = 1) -> Response:
        """Return the frame of this kind that makes `count` of them."""
        async with asyncio.timeout(20):
            while len(found := [f for f in self.frames if f.WhichOneof("frame") == kind]) < count:
                self.changed.clear()
                await self.changed.wait()
        return found[count - 1]

    def events(self) -> list[event_pb2.Event]:
        return [event for frame in self.frames for event in frame.delivery.events]


@asynccontextmanager
async def connected(
    node: Node, identity: Identity | None = None, *, batch: bool = True
) -> AsyncGenerator[Client]:
    client = Client()
    client.reading.set()
    session = ConnectSession(
        identity or developer_service(),
        client,
        node.parts,
        node.groups,
        node.publisher,
        node.ticker,
        node="n1",
        development=True,
        connected_ns=0,
        renew=node.renew,
    )
    if batch:
        client.send(hello=common_pb2.Hello(features=["batch"]))
    running = asyncio.ensure_future(session.run(client.sent()))
    try:
        yield client
    finally:
        running.cancel()
        await asyncio.wait([running])


@asynccontextmanager
async def a_node(partitions: int = 1) -> AsyncGenerator[Node]:
    node = Node(partitions)
    running = [asyncio.ensure_future(part.run()) for part in (node.hub, node.occupants)]
    try:
        yield node
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


@pytest.fixture
async def node() -> AsyncGenerator[Node]:
    async with a_node() as running:
        yield running


def subscribe(channel: str, **start: object) -> channel_pb2.Subscribe:
    return channel_pb2.Subscribe(channel=channel, **start)  # type: ignore[arg-type]  # by name


async def test_the_first_frame_is_welcome_even_where_hello_is_left_out(node: Node) -> None:
    async with connected(node, batch=False) as client:
        client.send(request_id="1", ping=common_pb2.Ping(payload=b"x"))
        pong = await client.until("pong")
        assert client.kinds() == ["welcome", "pong"]
        assert pong.request_id == "1"
        assert pong.pong.payload == b"x"


async def test_a_subscription_is_answered_and_then_gets_what_comes(node: Node) -> None:
    await node.publish("room")
    async with connected(node) as client:
        client.send(request_id="s", subscribe=subscribe("room"))
        subscribed = await client.until("subscribed")
        assert subscribed.request_id == "s"
        assert not subscribed.subscribed.HasField("recovered")
        offset = await node.publish("room", "second")
        await client.until("delivery")
        assert [(event.offset, event.text) for event in client.events()] == [(offset, "second")]
        assert client.kinds()[-2:] == ["caught_up", "delivery"]


async def test_history_comes_before_caught_up_and_its_cursor_lies_before_it(node: Node) -> None:
    for number in range(5):
        await node.publish("room", str(number))
    async with connected(node) as client:
        client.send(subscribe=subscribe("room", history=3))
        cursor = (await client.until("subscribed")).subscribed.cursor
        await client.until("caught_up")
        assert [event.text for event in client.events()] == ["2", "3", "4"]
    async with connected(node) as client:
        client.send(subscribe=subscribe("room", cursor=cursor))
        assert (await client.until("subscribed")).subscribed.recovered
        await client.until("caught_up")
        assert [event.text for event in client.events()] == ["2", "3", "4"]


async def test_an_event_that_two_subscriptions_match_comes_once(node: Node) -> None:
    async with connected(node) as client:
        client.send(subscribe=subscribe("task.1.progress"))
        client.send(subscribe=subscribe("task.*.progress"))
        client.send(subscribe=subscribe("task.>"))
        await client.until("subscribed", 3)
        await node.publish("task.1.progress")
        await node.publish("other")
        client.send(ping=common_pb2.Ping())
        await client.until("pong")
        assert len(client.events()) == 1


async def test_what_fails_is_rejected_with_its_code_and_the_session_lives(node: Node) -> None:
    code = common_pb2.ErrorCode
    async with connected(node) as client:
        client.send(request_id="1", subscribe=subscribe("bad name"))
        client.send(request_id="2", subscribe=subscribe("room", cursor="nonsense"))
        client.send(request_id="3", subscribe=subscribe(""))
        client.send(request_id="4")
        client.send(request_id="5", publish=channel_pb2.PublishRequest(channel="room"))
        await client.until("rejected", 5)
        rejected = [(f.request_id, f.rejected.code) for f in client.frames if f.request_id]
        assert rejected == [
            ("1", code.ERROR_CODE_INVALID_NAME),
            ("2", code.ERROR_CODE_INVALID_CURSOR),
            ("3", code.ERROR_CODE_MISSING_FIELD),
            ("4", code.ERROR_CODE_UNKNOWN_TYPE),
            ("5", code.ERROR_CODE_MISSING_FIELD),
        ]
        client.send(ping=common_pb2.Ping())
        await client.until("pong")


async def test_one_subscription_too_many_is_refused(node: Node) -> None:
    async with connected(node) as client:
        for number in range(129):
            client.send(subscribe=subscribe(f"room.{number}"))
        rejected = await client.until("rejected")
        assert rejected.rejected.code == common_pb2.ERROR_CODE_TOO_MANY_SUBSCRIPTIONS
        client.send(unsubscribe=channel_pb2.Unsubscribe(channel="room.0"))
        client.send(subscribe=subscribe("room.again"))
        await client.until("subscribed", 129)


async def test_agents_is_followed_with_the_presence_of_agents_as_one_unit(node: Node) -> None:
    async with connected(node) as client:
        client.send(subscribe=subscribe("tasks"))
        await client.until("subscribed")
        await node.publish("tasks", "a")
        await node.publish("task.1.state", "b")
        await client.until("delivery")
        client.send(ping=common_pb2.Ping())
        await client.until("pong")
        assert [event.channel for event in client.events()] == ["tasks", "task.1.state"]


async def test_leave_closes_the_session_cleanly(node: Node) -> None:
    async with connected(node) as client:
        client.send(leave=common_pb2.Leave())
        await client.until("closing")


async def test_an_occupant_is_told_to_those_who_asked(node: Node) -> None:
    async with connected(node, developer_user("ann")) as watching:
        watching.send(subscribe=subscribe("agents", presence=True))
        await watching.until("subscribed")
        async with connected(node, developer_user("bob")) as client:
            client.send(subscribe=subscribe("agents"))
            await client.until("subscribed")
        async with asyncio.timeout(20):
            while not any('"bob"' in event.json for event in watching.events()):
                watching.changed.clear()
                await watching.changed.wait()
        joined = [event for event in watching.events() if event.type == "room.joined"]
        assert [event.json.count('"bob"') for event in joined][-1] == 1


async def test_a_reader_that_stops_catches_up_without_a_hole(node: Node) -> None:
    async with connected(node) as client:
        client.send(subscribe=subscribe("room"))
        client.send(subscribe=subscribe("room.*"))
        await client.until("subscribed", 2)
        client.reading.clear()
        for _ in range(30):
            await node.publish("room", "x" * 60_000)
            await node.publish("room.a", "y" * 60_000)
        client.reading.set()
        await client.until("caught_up", 4)
        assert "lagging" in client.kinds()
        assert "gap" not in client.kinds()
        client.send(ping=common_pb2.Ping())
        await client.until("pong")
        for channel in ("room", "room.a"):
            offsets = [event.offset for event in client.events() if event.channel == channel]
            assert offsets == list(range(1, 31))


CHANNELS = ("a", "a.b", "a.c", "d")
TOPICS = ("a", "a.b", "a.*", "a.>", ">", "d")
MATCHES = {
    "a": {"a"},
    "a.b": {"a.b"},
    "a.*": {"a.b", "a.c"},
    "a.>": {"a.b", "a.c"},
    ">": set(CHANNELS),
    "d": {"d"},
}
Step = tuple[str, str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(CHANNELS), st.integers(1, 8)),
        st.tuples(st.just("cut"), st.sampled_from(TOPICS), st.integers(0, 3)),
        st.tuples(st.just("stall"), st.just(""), st.just(0)),
        st.tuples(st.just("read"), st.just(""), st.just(0)),
    ),
    max_size=25,
)


@dataclass
class Trial:
    """One run of random steps: what was published, and what came."""

    node: Node
    topic: str
    rest: list[Step]
    expected: dict[str, list[int]] = field(default_factory=lambda: {c: [] for c in CHANNELS})
    got: dict[str, list[int]] = field(default_factory=lambda: {c: [] for c in CHANNELS})
    cursor: str = ""

    async def connect(self) -> bool:
        """Resume, take steps until a cut, and answer whether there is more to come."""
        async with connected(self.node) as client:
            start = {"cursor": self.cursor} if self.cursor else {}
            client.send(subscribe=subscribe(self.topic, **start))
            subscribed = (await client.until("subscribed")).subscribed
            assert not self.cursor or subscribed.recovered
            self.cursor = subscribed.cursor
            more = await self.live(client)
            for event in client.events():
                self.got[event.channel].append(event.offset)
                self.cursor = event.cursor
        return more

    async def live(self, client: Client) -> bool:
        while self.rest:
            step, what, count = self.rest.pop(0)
            if step == "publish":
                for _ in range(count):
                    self.expected[what].append(await self.node.publish(what, "x" * 50_000))
            elif step == "stall":
                client.reading.clear()
            elif step == "read":
                client.reading.set()
            elif count:
                for _ in range(count):
                    await asyncio.sleep(0)
                return True
        client.reading.set()
        async with asyncio.timeout(20):
            while not self.whole(client):
                client.changed.clear()
                await client.changed.wait()
        return False

    def whole(self, client: Client) -> bool:
        """Tell whether the last event of each channel that the topic matches has come."""
        last = {channel: max(got, default=0) for channel, got in self.got.items()}
        last |= {event.channel: event.offset for event in client.events()}
        return all(last[c] >= max(self.expected[c], default=0) for c in MATCHES[self.topic])


@settings(max_examples=examples(60), deadline=None)
@given(topic=st.sampled_from(TOPICS), steps=STEPS, partitions=st.sampled_from([1, 3]))
def test_resuming_by_any_cursor_of_the_subscription_misses_and_doubles_nothing(
    topic: str, steps: list[Step], partitions: int
) -> None:
    """Cuts the connection at random places and resumes by the newest cursor that holds."""

    async def play() -> None:
        async with a_node(partitions) as node:
            trial = Trial(node, topic, list(steps))
            while await trial.connect():
                pass
            for channel in MATCHES[topic]:
                assert trial.got[channel] == trial.expected[channel]

    asyncio.run(play())


async def test_what_the_logs_follower_missed_is_read_again(node: Node) -> None:
    async with connected(node) as client:
        client.send(subscribe=channel_pb2.Subscribe(channel="room.a"))
        await client.until("caught_up")
        (head,) = node.hub.heads
        await node.publish("room.a", "1")
        await client.until("delivery")
        # As if the first event had never come by the follower.
        node.hub.heads = (head,)
        client.frames.clear()
        await node.publish("room.a", "2")
        await client.until("caught_up")
        assert client.kinds()[0] == "lagging", "what is live before the others is not for them"
        assert [event.text for event in client.events()] == ["1", "2"]


async def test_a_bookmark_is_dropped_with_the_events_before_it(node: Node) -> None:
    async with connected(node) as client:
        client.send(subscribe=channel_pb2.Subscribe(channel="room.a"))
        await client.until("caught_up")
        client.reading.clear()
        for _ in range(3):
            await node.publish("room.a", "x" * 60_000)
            await asyncio.sleep(0.005)
        client.send(ping=common_pb2.Ping())
        for _ in range(40):
            await node.publish("room.a", "x" * 60_000)
            await asyncio.sleep(0.002)
        client.reading.set()
        await client.until("lagging")
        await client.until("caught_up", 2)
        seen = 0
        for frame in client.frames:
            for event in frame.delivery.events:
                assert event.offset == seen + 1
                seen = event.offset
            if frame.HasField("bookmark"):
                place = decode_cursor(frame.bookmark.cursor).places[0][1]
                assert place <= seen, "a cursor beyond what has come"


async def test_a_long_history_comes_in_frames_that_any_client_takes(node: Node) -> None:
    for _ in range(20):
        await node.publish("room.a", "x" * 60_000)
    async with connected(node) as client:
        client.send(subscribe=channel_pb2.Subscribe(channel="room.a", history=20))
        await client.until("caught_up")
        assert [event.offset for event in client.events()] == list(range(1, 21))
        assert max(frame.ByteSize() for frame in client.frames) < 256 << 10
