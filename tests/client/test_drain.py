"""A client that is drained: what was asked is answered, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from blackroad.client import Agent, Call, Client, Unavailable
from tests.client.cable import Cable
from tests.client.test_agents_on_a_core import serving

SECONDS = 40


async def test_publishes_that_wait_are_in_the_log_before_it_closes(cable: Cable) -> None:
    async with asyncio.timeout(SECONDS), Client(cable.url, timeout_seconds=20) as other:
        client = Client(cable.url, timeout_seconds=20)
        await client.publish("room", -1)
        asked = [asyncio.create_task(client.publish("room", n)) for n in range(50)]
        await asyncio.sleep(0)
        cable.cut()
        await client.drain()
        assert all(task.done() and task.exception() is None for task in asked)
        with pytest.raises(Unavailable):
            await client.publish("room", 50)
        contents = [event.content for event in (await other.history("room", 60)).events]
        assert contents == list(range(-1, 50))


async def test_answers_are_heard_to_their_ends_and_no_more_begin(core: str, client: Client) -> None:
    agent, release = Agent("A", max_concurrency=4), asyncio.Event()

    @agent.answer
    async def answer(_: Call) -> AsyncIterator[str]:
        yield "one"
        await release.wait()
        yield " two"

    async with asyncio.timeout(SECONDS), serving(agent, client):
        caller = Client(core, timeout_seconds=20)
        asked = caller.invoke("A", "hi")
        await asked.started()
        draining = asyncio.create_task(caller.drain())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="drained"):
            await caller.invoke("A", "more").text()
        assert not draining.done()
        release.set()
        await draining
        assert await asked.text() == "one two"


async def test_what_never_ends_is_left_when_the_time_is_over(core: str, client: Client) -> None:
    agent = Agent("A", max_concurrency=4)

    @agent.answer
    async def answer(_: Call) -> AsyncIterator[str]:
        yield "one"
        await asyncio.Event().wait()

    async with asyncio.timeout(SECONDS), serving(agent, client):
        caller = Client(core, timeout_seconds=0.5)
        asked = caller.invoke("A", "hi")
        stream_id = await asked.started()
        await caller.drain()
        await caller.drain()
        with pytest.raises(Unavailable):
            await asked.text()
        await client.streams.cancel(stream_id)
