"""A trunk with sessions that come, go, fail, overlap and come back."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from blackroad.core.errors import Code, Ending, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.log.entry import Position
from blackroad.core.node import Node
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2, gateway_pb2
from tests.core.gateway.edge import DEVELOPER, Edge, Request, mark, running


async def publish(edge: Edge, channel: str, *texts: str) -> None:
    events = [event_pb2.Draft(text=text) for text in texts]
    request = channel_pb2.PublishRequest(channel=channel, events=events)
    await edge.node.publisher.publish(DEVELOPER, "", request)
    await mark(edge.node)


def nothing_is_left(node: Node) -> None:
    assert len(node.sessions) == 0
    assert len(node.parts.subscribers) == 0
    assert node.hub.topics == 0
    assert len(node.trunks) == 0


async def test_an_event_crosses_once_for_several_browsers_and_subscriptions() -> None:
    async with running() as edge:
        ada, bob = await edge.open(1, "ada"), await edge.open(2, "bob")
        follows = [await edge.subscribe(ada, "room.a"), await edge.subscribe(ada, "room.*")]
        follows.append(await edge.subscribe(bob, "room.a"))
        await edge.settle()
        await publish(edge, "room.a", "1", "2")
        await edge.settle()
        assert len(edge.crossed) == 2
        assert [[event.text for event in one.events] for one in follows] == [["1", "2"]] * 3
        assert set(ada.numbers) & set(bob.numbers), "a number is shared"


async def test_a_lost_trunk_leaves_nothing_behind() -> None:
    async with running() as edge:
        for number in (1, 2, 3):
            browser = await edge.open(number, "ada")
            await edge.subscribe(browser, "room.a")
            await edge.subscribe(browser, "room.*")
        await edge.settle()
        await edge.close()
        nothing_is_left(edge.node)


async def test_after_a_pattern_is_left_by_one_others_still_get_its_events() -> None:
    async with running() as edge, _second(edge) as other:
        one, two = await edge.open(1, "ada"), await other.open(1, "bob")
        await edge.subscribe(one, "room.*")
        followed = await other.subscribe(two, "room.*")
        await edge.settle()
        await other.settle()
        await edge.close()
        await publish(other, "room.a", "still")
        await other.settle()
        assert [event.text for event in followed.events] == ["still"]


async def test_a_session_that_is_ended_parts_before_the_next_event() -> None:
    async with running() as edge:
        browser = await edge.open(1, "ada")
        followed = await edge.subscribe(browser, "room.a")
        await edge.settle()
        session = edge.trunk.sessions[1]
        session.end(Ending(Code.FORBIDDEN))
        session.end(Ending(Code.FORBIDDEN))
        await publish(edge, "room.a", "secret")
        await edge.settle()
        assert browser.ended
        assert not browser.numbers
        assert not followed.events
        await edge.subscribe(browser, "room.b")
        await edge.turn()
        assert edge.control[-1].rejected.code == common_pb2.ERROR_CODE_NOT_FOUND


async def test_a_number_in_use_is_not_given_to_another_browser() -> None:
    async with running() as edge:
        browser = await edge.open(1, "ada")
        for number in (0, 1):
            opened = edge.opened(browser)
            await edge.trunk.handle(Request(session=number, session_opened=opened))
        await edge.turn()
        assert [frame.rejected.code for frame in edge.control[-2:]] == [Code.BAD_FRAME.wire] * 2
        assert len(edge.node.sessions) == 1


async def test_a_refused_browser_leaves_nothing_behind() -> None:
    async with running() as edge:
        credential = gateway_pb2.Credential(token="forged")
        opened = gateway_pb2.SessionOpened(credential=credential)
        await edge.trunk.handle(Request(session=1, request_id="r", session_opened=opened))
        await edge.turn()
        assert edge.control[-1].request_id == "r"
        assert edge.control[-1].session_refused.rejected.code == Code.UNAUTHENTICATED.wire
        assert len(edge.node.parts.subscribers) == len(edge.node.sessions) == 0


async def test_a_session_that_comes_back_keeps_its_seat_when_its_former_trunk_closes_late() -> None:
    async with running() as edge, _second(edge) as other:
        policy = channel_pb2.ChannelPolicy(presence=True)
        request = channel_pb2.CreateChannelRequest(name="room.a", policy=policy)
        await edge.node.channels.create_channel(DEVELOPER, request)
        browser = await edge.open(1, "ada")
        await edge.subscribe(browser, "room.a")
        await edge.settle()
        other.browsers[1] = browser
        opened = other.opened(browser)
        await other.trunk.handle(Request(session=1, session_opened=opened))
        await other.subscribe(browser, "room.a")
        await edge.close()
        key = DEVELOPER.key("room.a")
        assert edge.node.occupants.present(key, "ada")
        assert edge.node.sessions.get(browser.session_id) is other.trunk.sessions[1]
        session = other.trunk.sessions[1]
        edge.node.occupants.leave(key, session.identity, session.subscriber, clean=True)
        assert not edge.node.occupants.present(key, "ada"), "the seat was this session's"


async def test_what_a_former_session_waits_for_takes_nothing_from_the_one_that_came_back() -> None:
    async with running() as edge, _second(edge) as other:
        gates = [known := asyncio.Event()]

        async def learn(identity: Identity, key: str) -> None:
            if gates:  # the former's; as for another node's word
                await gates.pop().wait()

        edge.node.directory.learns["room"] = learn
        policy = channel_pb2.ChannelPolicy(presence=True)
        request = channel_pb2.CreateChannelRequest(name="room.a", policy=policy)
        await edge.node.channels.create_channel(DEVELOPER, request)
        browser = await edge.open(1, "ada")
        former = edge.trunk.sessions[1]
        subscribe = Request(session=1, request_id="s", subscribe=channel_pb2.Subscribe())
        subscribe.subscribe.channel = "room.a"
        waiting = asyncio.create_task(edge.trunk.handle(subscribe))
        await edge.turn()
        other.browsers[1] = browser
        await other.trunk.handle(Request(session=1, session_opened=other.opened(browser)))
        await other.subscribe(browser, "room.a")
        known.set()
        await waiting
        assert former.subscriptions == [], "it is over"
        assert edge.node.occupants.present(DEVELOPER.key("room.a"), "ada")
        goodbye = gateway_pb2.SessionClosed(clean=True)
        await other.trunk.handle(Request(session=1, session_closed=goodbye))
        assert not edge.node.occupants.present(DEVELOPER.key("room.a"), "ada")
        await edge.close()
        await other.close()
        nothing_is_left(edge.node)


async def test_another_browsers_session_id_is_not_taken() -> None:
    async with running() as edge:
        ada, bob = await edge.open(1, "ada"), await edge.open(2, "bob")
        bob.session_id = ada.session_id
        opened = edge.opened(bob)
        await edge.trunk.handle(Request(session=3, session_opened=opened))
        await edge.turn()
        assert edge.control[-1].session_refused.rejected.code == Code.CONFLICT.wire
        assert edge.node.sessions.get(ada.session_id) is edge.trunk.sessions[1]


async def test_a_session_that_fails_is_ended_alone() -> None:
    async with running() as edge:
        ada, bob = await edge.open(1, "ada"), await edge.open(2, "bob")
        edge.trunk.pump.add(Failing())
        edge.trunk.crashed(edge.trunk.sessions[1].subscriber, ValueError())
        await publish(edge, "room.a", "1")
        followed = await edge.subscribe(bob, "room.a", history=1)
        await edge.settle()
        assert ada.ended
        assert not bob.ended
        assert [event.text for event in followed.events] == ["1"]


async def test_a_long_history_comes_in_pages_and_by_credit() -> None:
    async with running() as edge:
        browser = await edge.open(1, "ada")
        for _ in range(20):
            await publish(edge, "room.a", "x" * 60_000)
        browser.credits = False
        followed = await edge.subscribe(browser, "room.a", history=20)
        for _ in range(50):
            await edge.turn()
        assert 0 < len(followed.events) < 10, "the window is 256 KiB"
        assert not followed.caught_up
        await edge.settle()
        assert [event.offset for event in followed.events] == list(range(1, 21))
        assert followed.caught_up


async def test_a_replay_longer_than_a_page_goes_on_as_live_is_read() -> None:
    async with running(max_queued_bytes=100_000) as edge:
        browser = await edge.open(1, "ada")
        followed = await edge.subscribe(browser, "room.a")
        await edge.settle()
        edge.reads_live = False
        for _ in range(60):
            await publish(edge, "room.a", "x" * 60_000)
            await edge.turn()
            await asyncio.sleep(0.002)
        await edge.settle()
        assert edge.lagged
        assert [event.offset for event in followed.events] == list(range(1, 61))


async def test_what_a_replay_cannot_find_restarts_the_trunk() -> None:
    async with running(max_queued_bytes=1_000, retained_bytes=1 << 20) as edge:
        browser = await edge.open(1, "ada")
        followed = await edge.subscribe(browser, "room.a")
        await edge.settle()
        endings: list[Ending | None] = []
        edge.trunk.ended.append(endings.append)
        edge.reads_live = False
        for _ in range(100):
            await publish(edge, "room.a", "x" * 10_000)
            await asyncio.sleep(0.001)
        edge.reads_live = True
        async with asyncio.timeout(5):
            while not endings:
                await edge.turn()
        assert [ending.code for ending in endings if ending] == [Code.SLOW_CONSUMER]
        await edge.reconnect()
        await publish(edge, "room.a", "last")
        await edge.settle()
        assert followed.gaps == [event_pb2.GAP_REASON_EXPIRED]
        assert followed.events[-1].text == "last"


async def test_what_the_node_itself_has_missed_restarts_the_trunk_before_the_next_event() -> None:
    async with running() as edge:
        browser = await edge.open(1, "ada")
        followed = await edge.subscribe(browser, "room.a")
        await edge.settle()
        endings: list[Ending | None] = []
        edge.trunk.ended.append(endings.append)
        ((epoch, sequence),) = edge.node.hub.heads
        edge.node.hub.heads = (Position(epoch, sequence - 1),)  # one is missed
        await publish(edge, "room.a", "next")
        await edge.turn()
        assert endings
        assert not followed.events
        await edge.reconnect()
        await edge.settle()
        assert [event.text for event in followed.events] == ["next"]


class Failing:
    """A source that fails."""

    roomy = True

    async def step(self) -> bool:
        raise ValueError("a defect")


@asynccontextmanager
async def _second(edge: Edge) -> AsyncGenerator[Edge]:
    """Open another trunk to the same node."""
    other = Edge(edge.node, 1 << 20)
    try:
        yield other
    finally:
        await other.close()


async def test_a_session_follows_so_many_answers_at_once_whatever_else_it_follows() -> None:
    async with running() as edge:
        browser = await edge.open(1, "ada")
        for number in range(128):
            await edge.subscribe(browser, f"room.{number}")
        subscriber = edge.trunk.sessions[1].subscriber
        one = next(iter(subscriber.subscriptions.values()))
        for number in range(128):
            subscriber.check_room()
            name = f"stream.st_{number}"
            subscriber.subscriptions[name] = replace(one, answers=(name,), rooms=0)
        with pytest.raises(Rejection) as refused:
            subscriber.check_room()
        assert refused.value.code is Code.TOO_MANY_SUBSCRIPTIONS
        for number in range(128):
            del subscriber.subscriptions[f"stream.st_{number}"]
