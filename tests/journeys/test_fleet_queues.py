"""Who is asked when workers of one agent are at several cores, and where one waits for them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest
from grpc.aio import Channel

from blackroad.client import Call, Client
from blackroad.client.errors import RealtimeError
from blackroad.realtime.v1 import (
    channel_pb2,
    channel_pb2_grpc,
    common_pb2,
    event_pb2,
    presence_pb2,
    presence_pb2_grpc,
    stream_pb2,
)
from blackroad.realtime.v1 import stream_pb2_grpc as streams
from tests.conformance.grpc_door import dialled
from tests.journeys.fleets import until
from tests.journeys.serving import fresh, serving

pytestmark = [pytest.mark.usefixtures("one_loop"), pytest.mark.timeout(240)]


class Desk:
    """A worker that says who it is, one at a time as it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.turns = asyncio.Semaphore(0)
        self.heard = 0  # messages of the last that asked

    async def __call__(self, call: Call) -> AsyncGenerator[str]:
        self.heard = len(call.messages)
        await self.turns.acquire()
        yield self.name


async def has_workers(channel: Channel, name: str, count: int) -> bool:
    """Tell whether a core knows so many workers of an agent."""
    known = await presence_pb2_grpc.PresenceServiceStub(channel).GetPresence(
        presence_pb2.GetPresenceRequest(entity_id=name, entity_type=common_pb2.ENTITY_KIND_AGENT)
    )
    return len(known.presence.sessions) == count


@asynccontextmanager
async def desks(
    cores: Sequence[str], name: str, permits: Sequence[int]
) -> AsyncGenerator[list[Desk]]:
    """Serve an agent at each of two cores, with so many permits."""
    one, other = Desk("one"), Desk("other")
    async with (
        serving(cores[0], name, one, permits[0]),
        serving(cores[1], name, other, permits[1]),
    ):
        for core in cores:
            async with dialled(core) as channel:
                await until(partial(has_workers, channel, name, 2))
        yield [one, other]


async def test_the_worker_with_most_free_permits_is_asked_wherever_it_is(
    cores: tuple[str, str],
) -> None:
    name = fresh("agent")
    async with (
        desks(cores, name, (1, 4)) as (one, other),
        Client(f"grpc://{cores[0]}") as client,
        asyncio.timeout(30),
    ):
        for desk in (one, other):
            for _ in range(999):
                desk.turns.release()

        async def other_says_it() -> bool:
            return await client.invoke(name, "who?").text() == "other"

        await until(other_says_it)  # as soon as the core knows that it is there
        assert await other_says_it()


async def test_what_waits_at_one_core_goes_to_a_worker_that_is_free_at_another(
    cores: tuple[str, str],
) -> None:
    name = fresh("agent")
    async with (
        desks(cores, name, (1, 1)) as (one, other),
        Client(f"grpc://{cores[0]}") as client,
        dialled(cores[0]) as channel,
        asyncio.timeout(40),
    ):
        first = [client.invoke(name, "who?") for _ in range(2)]
        for answer in first:
            await answer.started()
        waiting = asyncio.create_task(client.invoke(name, "who?").text())
        asked = stream_pb2.ListStreamsRequest(state=event_pb2.ANSWER_STATE_QUEUED, own=True)

        async def is_queued() -> bool:
            listed = await streams.StreamServiceStub(channel).ListStreams(asked)
            return len(listed.answers) == 1

        await until(is_queued)
        other.turns.release()
        other.turns.release()
        assert await waiting == "other"
        one.turns.release()
        assert sorted([await answer.text() for answer in first]) == ["one", "other"]


async def test_a_worker_that_was_busy_for_less_than_a_tick_is_asked_again(
    cores: tuple[str, str],
) -> None:
    name = fresh("agent")
    async with (
        desks(cores, name, (1, 1)) as (one, other),
        Client(f"grpc://{cores[0]}") as client,
        asyncio.timeout(40),
    ):
        held = client.invoke(name, "who?")
        await held.started()
        for _ in range(100):
            other.turns.release()
        for _ in range(50):
            assert await client.invoke(name, "who?").text() == "other"
        one.turns.release()
        assert await held.text() == "one"


async def test_nobody_is_told_no_agent_while_one_is_anywhere(cores: tuple[str, str]) -> None:
    name, desk = fresh("agent"), Desk("there")
    async with Client(f"grpc://{cores[0]}") as client, asyncio.timeout(40):
        with pytest.raises(RealtimeError) as refused:
            await client.invoke(name, "who?").text()
        assert refused.value.code == "no_agent"
        async with serving(cores[1], name, desk, 1):
            async with dialled(cores[0]) as channel:
                await until(partial(has_workers, channel, name, 1))
            asked = [client.invoke(name, "who?") for _ in range(3)]
            texts = asyncio.gather(*(answer.text() for answer in asked))
            for _ in asked:
                desk.turns.release()
            assert await texts == ["there"] * 3


@pytest.mark.slow
async def test_who_waits_for_a_worker_that_goes_waits_on_for_one_at_another_core(
    cores: tuple[str, str],
) -> None:
    name, desk = fresh("agent"), Desk("there")
    async with (
        serving(cores[1], name, desk, 1),
        Client(f"grpc://{cores[0]}") as client,
        Client(f"grpc://{cores[1]}") as there,
        dialled(cores[0]) as channel,
        asyncio.timeout(60),
    ):
        async with serving(cores[0], name, Desk("here"), 1):
            await until(partial(has_workers, channel, name, 2))
            first = [client.invoke(name, "who?"), there.invoke(name, "who?")]
            for answer in first:
                await answer.started()
            talk = fresh("talk")
            waiting = asyncio.create_task(client.invoke(name, "?", conversation=talk).text())
            asked = stream_pb2.ListStreamsRequest(conversation=talk)

            async def is_queued() -> bool:
                listed = await streams.StreamServiceStub(channel).ListStreams(asked)
                return bool(listed.answers)

            await until(is_queued)
        for _ in range(9):
            desk.turns.release()
        assert await waiting == "there"
        assert desk.heard == 1
        said = await channel_pb2_grpc.ChannelServiceStub(channel).ListEvents(
            channel_pb2.ListEventsRequest(channel=f"conversation.{talk}")
        )
        assert [event.text for event in said.events][:1] == ["?"]
        assert [event.text for event in said.events].count("?") == 1
