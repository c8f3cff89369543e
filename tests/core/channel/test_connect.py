"""A Connect session: what a client is told, whatever it follows, resumes and fails to read."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import ClassVar

import pytest

from blackroad.core.channel.calls import ChannelCalls
from blackroad.core.clock import SystemClock
from blackroad.core.errors import Rejection
from blackroad.core.hub.group import Frame
from blackroad.core.identity.development import developer_service, developer_user
from blackroad.core.log.base import Append, Appended
from blackroad.core.log.cursor import decode_cursor
from blackroad.core.log.entry import Entry
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2
from tests.core.channel.sessions import (
    Node,
    a_node,
    connected,
    subscribe,
)


@pytest.fixture
async def node() -> AsyncGenerator[Node]:
    async with a_node() as running:
        yield running


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


def publish(channel: str, text: str = "hi") -> channel_pb2.PublishRequest:
    return channel_pb2.PublishRequest(channel=channel, events=[event_pb2.Draft(text=text)])


async def test_of_one_batch_a_publish_that_fails_harms_no_neighbour(node: Node) -> None:
    frames = [
        channel_pb2.ConnectRequest(request_id="1", publish=publish("room", "first")),
        channel_pb2.ConnectRequest(request_id="2", publish=publish("bad name")),
        channel_pb2.ConnectRequest(request_id="3", publish=publish("stream.x")),
        channel_pb2.ConnectRequest(request_id="4", publish=publish("room", "second")),
        channel_pb2.ConnectRequest(request_id="5", publish=publish("other")),
    ]
    async with connected(node) as client:
        client.send(batch=channel_pb2.ConnectRequestBatch(frames=frames))
        await client.until("published", 3)
        told = [(frame.request_id, frame.WhichOneof("frame")) for frame in client.frames[1:]]
        assert told == [
            ("1", "published"),
            ("2", "rejected"),
            ("3", "rejected"),
            ("4", "published"),
            ("5", "published"),
        ]
        history = await node.log.history("default.room", 10)
        texts = [entry.event.text for entry in history.entries]
        assert texts == ["first", "second"]
        published = [frame.published for frame in client.frames if frame.HasField("published")]
        assert [each.events[0].offset for each in published] == [1, 2, 1]
        assert [each.channel for each in published] == ["room", "room", "other"]


async def test_frames_of_a_batch_keep_their_order_around_publishes(node: Node) -> None:
    frames = [
        channel_pb2.ConnectRequest(publish=publish("room", "before")),
        channel_pb2.ConnectRequest(subscribe=subscribe("room")),
        channel_pb2.ConnectRequest(publish=publish("room", "after")),
        channel_pb2.ConnectRequest(publish=publish("room", "last")),
    ]
    async with connected(node) as client:
        client.send(batch=channel_pb2.ConnectRequestBatch(frames=frames))
        await client.until("published", 3)
        client.send(ping=common_pb2.Ping())
        await client.until("pong")
        answers = [kind for kind in client.kinds() if kind in ("published", "subscribed")]
        assert answers == ["published", "subscribed", "published", "published"]
        assert [event.text for event in client.events()][-2:] == ["after", "last"]


async def test_neighbouring_publishes_of_a_batch_are_one_append() -> None:
    """Where the log is in a server, each append is a way there and back."""

    class Noted(MemoryLog):
        batches: ClassVar[list[int]] = []

        async def append(self, appends: Sequence[Append]) -> list[Appended | Rejection]:
            self.batches.append(len(appends))
            return await super().append(appends)

    async with a_node(log=Noted(MemoryLogSettings(), SystemClock())) as node:
        frames = [channel_pb2.ConnectRequest(publish=publish(f"room.{n}")) for n in range(64)]
        async with connected(node) as client:
            client.send(batch=channel_pb2.ConnectRequestBatch(frames=frames))
            await client.until("published", 64)
        assert max(Noted.batches) == 64


class Silent:
    """One of many who follow the same, so that frames are rarer."""

    def receive(self, frame: Frame) -> None:
        pass


async def test_a_session_that_goes_gives_back_what_waited_for_it(node: Node) -> None:
    many = [Silent() for _ in range(5000)]  # a frame in 200 ms at most
    for one in many:
        node.groups.move(one, frozenset({"default.room"}))
    heard: asyncio.Queue[Entry] = asyncio.Queue()
    async with connected(node) as client:
        client.send(subscribe=subscribe("room"))
        await client.until("caught_up")
        await node.publish("room", "a frame at once")
        await client.until("delivery")
        node.hub.watch("default.room", heard.put_nowait)
        await node.publish("room", "that waits for the next frame")
        await heard.get()
    assert node.parts.budget.total == 0


async def test_who_follows_a_channel_counts_again_when_its_presence_is_on_again(node: Node) -> None:
    developer = developer_service()
    calls = ChannelCalls(
        node.log, node.hub, node.directory, node.occupants, node.publisher, SystemClock()
    )
    request = channel_pb2.CreateChannelRequest(name="plans")
    request.policy.presence = True
    await calls.create_channel(developer, request)
    async with connected(node) as client:
        client.send(subscribe=subscribe("plans"))
        await client.until("caught_up")
        update = channel_pb2.UpdateChannelRequest(name="plans")
        update.update_mask.paths.append("policy.presence")
        for presence in (False, True):
            update.policy.presence = presence
            await calls.update_channel(developer, update)
            async with asyncio.timeout(10):
                while node.occupants.count("default.plans") != presence:  # noqa: ASYNC110 (nobody tells)
                    await asyncio.sleep(0.005)
