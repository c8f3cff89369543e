"""One conversation at two cores: one answer at a time, and whose it is, wherever it is asked."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Channel

from blackroad.client import Agent, Call, Client
from blackroad.client.errors import RealtimeError
from blackroad.client.job import Answerer
from blackroad.realtime.v1 import (
    channel_pb2,
    channel_pb2_grpc,
    stream_pb2,
    stream_pb2_grpc,
)
from tests.conformance.grpc_door import dialled
from tests.core.access.world import SECRET, token
from tests.journeys.fleets import fleet, fleet_of_three, until
from tests.journeys.serving import fresh
from tests.journeys.test_fleet_answers import known

pytestmark = [pytest.mark.usefixtures("one_loop"), pytest.mark.timeout(240)]


async def count(call: Call) -> AsyncGenerator[str]:
    """Say how many turns it was given."""
    yield f"{len(call.messages)}"


@asynccontextmanager
async def everywhere(
    cores: Sequence[str], name: str, answerer: Answerer
) -> AsyncGenerator[list[Client]]:
    """Serve an agent at each core; give a client of each."""
    async with (
        known(cores[0], cores, name, answerer),
        known(cores[1], cores, name, answerer),
        Client(f"grpc://{cores[0]}") as one,
        Client(f"grpc://{cores[1]}") as other,
    ):
        yield [one, other]


async def first_word(channel: Channel, name: str, conversation: str, heard: asyncio.Event) -> str:
    """Ask; return what is said first, that it has started or why it is refused.

    The question stands until another has heard, too.
    """
    start = stream_pb2.Invoke(
        target=stream_pb2.Target(agent=name), text="hi", conversation=conversation
    )
    call = stream_pb2_grpc.StreamServiceStub(channel).Open()
    await call.write(stream_pb2.OpenRequest(request_id="1", start=start))
    while True:
        frame = await call.read()
        assert isinstance(frame, stream_pb2.OpenResponse)
        if frame.HasField("started"):
            await heard.wait()
            call.cancel()
            return "started"
        if frame.HasField("rejected"):
            heard.set()
            call.cancel()
            return frame.rejected.message


async def test_of_two_that_ask_at_two_cores_at_once_one_is_answered(
    cores: tuple[str, str],
) -> None:
    heard = asyncio.Event()

    async def held(call: Call) -> AsyncGenerator[str]:
        await heard.wait()
        yield call.text

    name = fresh("agent")
    async with (
        everywhere(cores, name, held),
        dialled(cores[0]) as one,
        dialled(cores[1]) as other,
        asyncio.timeout(30),
    ):
        for _ in range(10):
            heard.clear()
            asked = partial(first_word, name=name, conversation=fresh("talk"), heard=heard)
            words = sorted(await asyncio.gather(*(asked(core) for core in (one, other))))
            assert words == ["started", "the conversation has an answer in progress"]


async def test_whoever_asks_on_at_another_core_finds_all_turns_and_no_busy_one(
    cores: tuple[str, str],
) -> None:
    name, conversation = fresh("agent"), fresh("talk")
    async with everywhere(cores, name, count) as clients:
        said = [
            await clients[turn % 2].invoke(name, "next", conversation=conversation).text()
            for turn in range(12)
        ]
    assert said == [str(2 * turn + 1) for turn in range(12)]


async def read(core: str, conversation: str, bearer: str) -> list[str]:
    """Return the turns of a conversation that somebody may read, at a core."""
    async with dialled(core) as channel:
        page = await channel_pb2_grpc.ChannelServiceStub(channel).ListEvents(
            channel_pb2.ListEventsRequest(channel=f"conversation.{conversation}"),
            metadata=(("authorization", f"Bearer {bearer}"),),
        )
    return [event.text for event in page.events]


async def has_read(core: str, conversation: str, bearer: str, turns: list[str]) -> bool:
    """Tell whether somebody reads these turns."""
    return await read(core, conversation, bearer) == turns


@pytest.mark.slow
async def test_a_conversation_of_one_core_is_its_owners_at_the_other() -> None:
    name, conversation = fresh("agent"), fresh("talk")
    ann = token("ann", {"agent.>": ("invoke",)})
    eve = token("eve", {"agent.>": ("invoke",), ">": ("subscribe",)})
    works = token(name, {f"agent.{name}": ("serve",)}, kind="agent")
    with fleet(AUTH__SECRET=SECRET) as cores:
        agent = Agent(name, url=f"grpc://{cores[0]}", token=works)
        agent.answer(count)
        ready = asyncio.Event()
        serving = asyncio.create_task(agent.serve(ready=ready.set))
        async with asyncio.timeout(30), Client(f"grpc://{cores[0]}", token=ann) as client:
            await ready.wait()
            await client.invoke(name, "first", conversation=conversation).text()
            await until(partial(has_read, cores[1], conversation, ann, ["first", "1"]))
            with pytest.raises(AioRpcError) as refused:
                await read(cores[1], conversation, eve)
            assert refused.value.code() is StatusCode.PERMISSION_DENIED
            async with dialled(cores[1]) as channel:
                listed = await channel_pb2_grpc.ChannelServiceStub(channel).ListChannels(
                    channel_pb2.ListChannelsRequest(pattern="conversation.>"),
                    metadata=(("authorization", f"Bearer {ann}"),),
                )
            assert [one.name for one in listed.channels] == [f"conversation.{conversation}"]
        serving.cancel()
        await asyncio.wait([serving])


@pytest.mark.slow
async def test_the_turn_of_a_core_that_was_killed_is_given_to_who_asks_next() -> None:
    async def hangs(call: Call) -> AsyncGenerator[str]:
        yield call.text
        await asyncio.Event().wait()

    with fleet_of_three() as fleet:
        cores = [core.addresses["grpc"] for core in fleet]
        name, conversation = fresh("agent"), fresh("talk")
        async with known(cores[0], cores, name, hangs), Client(f"grpc://{cores[0]}") as first:
            await first.invoke(name, "lost", conversation=conversation).started()
            fleet[0].process.kill()
            other = fresh("agent")
            async with (
                known(cores[1], cores[1:], other, count),
                Client(f"grpc://{cores[2]}") as client,
            ):
                await until(partial(is_answered, client, other, conversation), 60)


async def is_answered(client: Client, name: str, conversation: str) -> bool:
    """Tell whether a conversation is not busy; then it was answered."""
    try:
        return await client.invoke(name, "on", conversation=conversation).text() != ""
    except RealtimeError as error:
        if error.code != "conversation_busy":
            raise
        return False
