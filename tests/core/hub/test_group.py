"""Groups: members with the same topics share frames, and moving loses and doubles nothing."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hypothesis import given, settings
from hypothesis import strategies as st

from blackroad.core.clock import SystemClock
from blackroad.core.hub.group import Frame, Groups
from blackroad.core.hub.hub import Hub
from blackroad.core.log.base import Append, Appended
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.record import Record
from blackroad.realtime.v1 import channel_pb2, event_pb2
from tests.effort import examples

CHANNELS = ("t.a", "t.b", "t.c")


class Member:
    """A receiver that keeps the frames that it was handed."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def receive(self, frame: Frame) -> None:
        self.frames.append(frame)

    @property
    def events(self) -> list[event_pb2.Event]:
        responses = [channel_pb2.ConnectResponse.FromString(f.response) for f in self.frames]
        return [event for response in responses for event in response.delivery.events]


@asynccontextmanager
async def running() -> AsyncGenerator[tuple[Hub, Groups]]:
    hub = Hub(MemoryLog(MemoryLogSettings(), SystemClock()))
    task = asyncio.ensure_future(hub.run())
    try:
        yield hub, Groups(hub)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def publish(hub: Hub, *keys: str) -> None:
    body = event_pb2.Event(type="message").SerializeToString()
    results = await hub.log.append([Append(key, [Record("", "message", body)]) for key in keys])
    last = results[-1]
    assert isinstance(last, Appended)
    await hub.reached((last.position,))


async def test_members_with_the_same_topics_share_the_same_bytes() -> None:
    async with running() as (hub, groups):
        one, other = Member(), Member()
        groups.move(one, frozenset({"t.a", "t.*"}))
        groups.move(other, frozenset({"t.a", "t.*"}))
        await publish(hub, "t.a", "t.b")
        groups.flush(one)
        assert [event.sequence for event in one.events] == [1, 2]
        assert one.frames == other.frames
        assert one.frames[0].response is other.frames[0].response


async def test_a_busy_channel_is_written_in_frames_of_many_events() -> None:
    async with running() as (hub, groups):
        member = Member()
        groups.move(member, frozenset({"t.a"}))
        for _ in range(200):
            await publish(hub, "t.a")
        groups.flush(member)
        assert [event.offset for event in member.events] == list(range(1, 201))
        assert len(member.frames) < 100


async def test_an_idle_group_hands_on_within_the_tick() -> None:
    async with running() as (hub, groups):
        member = Member()
        groups.move(member, frozenset({"t.a"}))
        await publish(hub, "t.a")
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(member.events) == 1


async def test_nobody_is_left_behind_where_all_members_went() -> None:
    async with running() as (hub, groups):
        member = Member()
        groups.move(member, frozenset({"t.a"}))
        groups.move(member, frozenset())
        await publish(hub, "t.a")
        assert member.frames == []
        groups.flush(member)  # harmless


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(CHANNELS)),
        st.tuples(st.just("move"), st.frozensets(st.sampled_from(CHANNELS))),
    ),
    max_size=30,
)


@settings(max_examples=examples(60), deadline=None)
@given(steps=Steps)
def test_a_member_gets_exactly_what_came_while_it_followed(
    steps: list[tuple[str, str] | tuple[str, frozenset[str]]],
) -> None:
    async def play() -> None:
        async with running() as (hub, groups):
            member, other = Member(), Member()
            groups.move(other, frozenset(CHANNELS))
            following: frozenset[str] = frozenset()
            expected: list[int] = []
            published = 0
            for step, what in steps:
                if step == "publish":
                    await publish(hub, str(what))
                    published += 1
                    if what in following:
                        expected.append(published)
                else:
                    following = frozenset(what)
                    groups.move(member, following)
            groups.flush(member)
            groups.flush(other)
            assert [event.sequence for event in member.events] == expected
            assert [event.sequence for event in other.events] == list(range(1, published + 1))

    asyncio.run(play())
