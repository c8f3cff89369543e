"""Each word of the surface that a user's agent and client stand on, through a real core."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from blackroad.client import (
    Agent,
    Answer,
    Call,
    Cancelled,
    Client,
    Message,
    NoAgent,
    Options,
    Progress,
    Text,
)
from blackroad.core.node import Node
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from tests.client.test_agents_on_a_core import serving

SECONDS = 20


@asynccontextmanager
async def house() -> AsyncGenerator[tuple[Node, Client]]:
    """Give a node and a client of it."""
    server = CoreServer(CoreSettings(grpc="127.0.0.1:0", drain_seconds=1))
    async with (
        asyncio.timeout(SECONDS),
        server.open() as addresses,
        Client(f"grpc://{addresses['grpc']}") as client,
    ):
        yield server.node, client


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds in the core, which tells nobody."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


async def begun(answer: Answer) -> Answer:
    """Read an answer up to its first text."""
    async for part in answer:
        if isinstance(part, Text):
            return answer
    raise AssertionError("it has ended")


async def test_options_messages_and_deadline_reach_the_agent_as_they_were_given() -> None:
    agent, seen = Agent("A"), list[Call]()
    options = Options(max_tokens=7, temperature=0.5, stop=("x",), seed=3)

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        seen.append(call)
        assert call.deadline is not None
        async with asyncio.timeout_at(call.deadline):
            yield call.text

    async with house() as (_, client), serving(agent, client):
        turns = [Message.of("system", "be brief"), Message.of("user", "hello")]
        asked = client.invoke("A", turns, options=options, deadline_seconds=9)
        assert await asked.text() == "hello"
        [call] = seen
        assert call.options == options
        assert [(each.role, each.text) for each in call.messages] == [
            ("system", "be brief"),
            ("user", "hello"),
        ]
        assert 0 < (call.remaining_seconds or 0) <= 9
        assert call.cancelled is False
        assert (call.caller, call.caller_kind, call.ancestors) == ("developer", "service", ())


async def test_progress_is_a_part_of_the_answer() -> None:
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        await call.progress(40, "reading")
        yield "done"

    async with house() as (_, client), serving(agent, client):
        parts = [part async for part in client.invoke("A", "hi")]
        assert Progress(40, "reading") in parts


Waiting = Callable[[Call], AsyncIterator[str]]


async def _in_sleep(call: Call) -> AsyncIterator[str]:
    yield call.text
    await asyncio.Event().wait()


async def _in_ask(call: Call) -> AsyncIterator[str]:
    yield call.text
    await call.ask("name?")


async def _in_invoke(call: Call) -> AsyncIterator[str]:
    yield call.text
    yield await call.invoke("SLEEPER", "x").text()


async def _in_progress(call: Call) -> AsyncIterator[str]:
    yield call.text
    while True:
        await call.progress(1, "x" * 1000)


async def _in_yield(call: Call) -> AsyncIterator[str]:
    while True:
        yield call.text
        await asyncio.sleep(0)


@pytest.mark.parametrize("waiting", [_in_sleep, _in_ask, _in_invoke, _in_progress, _in_yield])
async def test_a_cancel_reaches_the_agent_wherever_it_waits(waiting: Waiting) -> None:
    agent, sleeper = Agent("A"), Agent("SLEEPER")
    calls, ended = list[Call](), list[str]()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        calls.append(call)
        try:
            async for text in waiting(call):
                yield text
        finally:
            ended.append("A")

    @sleeper.answer
    async def sleep(_: Call) -> AsyncIterator[str]:
        try:
            yield "asleep"
            await asyncio.Event().wait()
        finally:
            ended.append("SLEEPER")

    async with house() as (_, client), serving(agent, client), serving(sleeper, client):
        asked = await begun(client.invoke("A", "hi"))
        await asked.cancel()
        parts = [part async for part in asked]
        assert isinstance(parts[-1], Cancelled)
        assert calls[0].cancelled is True
        await until(lambda: "A" in ended)
        # Permits are free again: what ended has really ended.
        again = await begun(client.invoke("A", "again"))
        await again.cancel()


async def test_a_cancel_is_carried_to_what_the_agent_has_asked_of_others() -> None:
    agent, sleeper, stopped = Agent("A"), Agent("SLEEPER"), asyncio.Event()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        async for part in call.invoke("SLEEPER", "x"):
            if isinstance(part, Text):
                yield part.text

    @sleeper.answer
    async def sleep(call: Call) -> AsyncIterator[str]:
        assert len(call.ancestors) == 1
        try:
            yield "asleep"
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with house() as (_, client), serving(agent, client), serving(sleeper, client):
        asked = await begun(client.invoke("A", "hi"))
        await asked.cancel()
        await stopped.wait()


async def test_a_callers_cancelled_task_leaves_the_answer_running() -> None:
    agent, release = Agent("A"), asyncio.Event()

    @agent.answer
    async def answer(_: Call) -> AsyncIterator[str]:
        yield "one"
        await release.wait()
        yield " two"

    async with house() as (_, client), serving(agent, client):
        asked = await begun(client.invoke("A", "hi"))
        reading = asyncio.create_task(asked.text())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait({reading})
        assert reading.cancelled()
        release.set()
        joined = client.join(asked.stream_id)
        assert await joined.text() == "one two"


async def test_an_agent_that_drains_finishes_what_runs_and_gets_no_more() -> None:
    agent, release = Agent("A", max_concurrency=4), asyncio.Event()

    @agent.answer
    async def answer(_: Call) -> AsyncIterator[str]:
        yield "one"
        await release.wait()
        yield " two"

    ready = asyncio.Event()
    async with house() as (node, client), asyncio.TaskGroup() as group:
        served = group.create_task(agent.serve(client=client, ready=ready.set))
        await ready.wait()
        asked = await begun(client.invoke("A", "hi"))
        agent.drain()
        await until(lambda: not node.answers.dispatcher.pool.all())
        with pytest.raises(NoAgent):
            await client.invoke("A", "more").text()
        assert not served.done()
        release.set()
        assert await asked.text() == " two"
        await served
        await until(lambda: not any(each.method == "Serve" for each in node.sessions.all()))


async def test_a_subscription_that_is_ended_early_is_freed_at_once() -> None:
    async with house() as (node, client):
        await client.publish("room", "x")

        def followed() -> int:
            return sum("room" in session.subscriptions for session in node.sessions.all())

        async for _ in client.subscribe("room", history=1):
            assert followed() == 1
            break
        await until(lambda: followed() == 0)
        async with client.subscribe("room") as subscription:
            assert followed() == 1
            reading = asyncio.create_task(anext(subscription))
            await asyncio.sleep(0.01)
            reading.cancel()
            await asyncio.wait({reading})
        await until(lambda: followed() == 0)


async def test_a_watch_of_presence_that_is_ended_early_is_freed_at_once() -> None:
    async with house() as (node, client):

        def watching() -> int:
            return sum(session.method == "Track" for session in node.sessions.all())

        async with client.announce():
            async for _ in client.presence():
                break
            await until(lambda: watching() == 1)
        await until(lambda: watching() == 0)


async def test_a_client_that_is_closed_leaves_nothing() -> None:
    async with house() as (node, client):
        await client.publish("room", "x")
        async with Client(client.dial.target) as other:
            await other.publish("room", "y")
            await until(lambda: len(node.sessions) == 2)
        await until(lambda: len(node.sessions) == 1)
