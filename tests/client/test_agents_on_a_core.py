"""Agents and their callers on a real core."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blackroad.client import (
    Agent,
    AnswerFailed,
    Call,
    Cancelled,
    Client,
    Event,
    Finished,
    Gap,
    InputRequired,
    NoAgent,
    Progress,
    Snapshot,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Yielded,
)
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from tests.client.cable import Cable
from tests.effort import examples


@asynccontextmanager
async def serving(agent: Agent, client: Client) -> AsyncGenerator[None]:
    """Serve an agent while the context lasts, then drain it."""
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(agent.serve(client=client, ready=ready.set))
        await ready.wait()
        yield
        agent.drain()


def echo(name: str = "PARROT", max_concurrency: int = 8) -> Agent:
    agent = Agent(name, ["parrot"], max_concurrency)

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        for word in call.text.split():
            yield f"{word} "

    return agent


async def test_an_agent_answers_by_name_and_by_capability(client: Client) -> None:
    async with asyncio.timeout(20), serving(echo(), client):
        assert await client.invoke("PARROT", "hello there").text() == "hello there "
        assert await client.invoke(capability="parrot", prompt="hi").text() == "hi "
        parts = [part async for part in client.invoke("PARROT", "one")]
    assert isinstance(parts[0], Started)
    assert parts[0].agent == "PARROT"
    assert isinstance(parts[-1], Finished)


@pytest.mark.parametrize(
    ("said", "text"), [("a text", "a text"), (Text("a part"), "a part"), (None, "")]
)
async def test_an_agent_may_return_what_it_has_to_say(
    client: Client, said: Yielded | None, text: str
) -> None:
    agent = Agent("RETURNS")

    @agent.answer
    async def answer(call: Call) -> Yielded | None:
        return said

    async with asyncio.timeout(20), serving(agent, client):
        assert await client.invoke("RETURNS", "x").text() == text


async def test_an_agent_that_is_not_async_fails_and_says_why(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    agent = Agent("PLAIN")

    def answer(call: Call) -> str:
        return call.text

    agent.answer(answer)  # type: ignore[type-var] # pyright: ignore[reportArgumentType] - what is tested
    async with asyncio.timeout(20), serving(agent, client):
        with pytest.raises(AnswerFailed):
            await client.invoke("PLAIN", "x").text()
    assert "what answers is to be `async def`; it gave str" in caplog.text


async def test_nobody_there_is_said_at_once(client: Client) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(NoAgent) as raised:
            await client.invoke("NOBODY", "hi").text()
    assert raised.value.code == "no_agent"
    assert raised.value.retryable


async def test_every_kind_of_part_reaches_the_caller(client: Client) -> None:
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[Yielded]:
        await call.progress(50, "half")
        yield Thinking("hm")
        yield ToolCall("1", "f", '{"a":1}')
        yield "text"
        yield Finished("length", '{"ok":true}', Usage(3, 4))

    async with asyncio.timeout(20), serving(agent, client):
        parts = [part async for part in client.invoke("A", "hi")]
    assert parts[1:] == [
        Progress(50, "half"),
        Thinking("hm"),
        ToolCall("1", "f", '{"a":1}'),
        Text("text"),
        Finished("length", '{"ok":true}', Usage(3, 4)),
    ]


async def test_a_cancel_reaches_the_agent_and_every_viewer_sees_one_ending(client: Client) -> None:
    agent = Agent("A")
    stopped = asyncio.Event()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield "one"
        call.usage = Usage(5, 1)
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with asyncio.timeout(20), serving(agent, client):
        answer_ = client.invoke("A", "hi")
        viewer = client.join(await answer_.started())
        while not isinstance(await anext(answer_), Text):
            pass
        assert isinstance(await anext(viewer), Snapshot)
        await answer_.cancel()
        await stopped.wait()
        rest = [part async for part in answer_]
        assert rest == [Cancelled(Usage(5, 1))]
        assert [part async for part in viewer][-1:] == [Cancelled(Usage(5, 1))]
        assert (await client.streams.get(answer_.stream_id)).snapshot.state == "cancelled"


async def test_a_failing_agent_fails_its_answer_with_a_public_text(client: Client) -> None:
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield "one"
        raise ValueError("secret")

    async with asyncio.timeout(20), serving(agent, client):
        with pytest.raises(AnswerFailed) as raised:
            await client.invoke("A", "hi").text()
    assert raised.value.code == "agent_error"
    assert "secret" not in str(raised.value)


async def test_an_agent_asks_and_a_viewer_replies(client: Client) -> None:
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield f"you said {await call.ask('name?', {'type': 'string'})}"

    async with asyncio.timeout(20), serving(agent, client):
        answer_ = client.invoke("A", "hi")
        text = ""
        async for part in answer_:
            if isinstance(part, InputRequired):
                assert part.prompt == "name?"
                await answer_.reply("Ann")
            elif isinstance(part, Text):
                text += part.text
    assert text == "you said Ann"


async def test_an_agent_invokes_another(client: Client) -> None:
    agent = Agent("BOSS")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        async for part in call.invoke("PARROT", call.text):
            if isinstance(part, Text):
                yield part.text.upper()

    async with asyncio.timeout(20), serving(echo(), client), serving(agent, client):
        assert await client.invoke("BOSS", "hello there").text() == "HELLO THERE "


async def test_the_bound_on_concurrency_is_hard(client: Client) -> None:
    agent = Agent("A", max_concurrency=2)
    running, most = 0, 0

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        yield call.text

    async with asyncio.timeout(20), serving(agent, client):
        answers = [client.invoke("A", str(n)) for n in range(10)]
        texts = await asyncio.gather(*(each.text() for each in answers))
    assert texts == [str(n) for n in range(10)]
    assert most == 2


async def test_a_deadline_ends_the_answer_and_stops_the_agent(client: Client) -> None:
    agent = Agent("A")
    left: list[float | None] = []

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        left.append(call.remaining_seconds)
        yield "one"
        await asyncio.Event().wait()

    async with asyncio.timeout(20), serving(agent, client):
        with pytest.raises(AnswerFailed) as raised:
            await client.invoke("A", "hi", deadline_seconds=0.3).text()
    assert raised.value.code == "deadline_exceeded"
    assert left[0] is not None
    assert 0 < left[0] <= 0.3


@settings(
    max_examples=examples(6),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cuts=st.sets(st.integers(1, 199), min_size=1, max_size=2),
    pause_seconds=st.sampled_from([0, 0.0005, 0.005]),
)
async def test_cuts_on_both_sides_cost_no_word(
    core: str, cable: Cable, cuts: set[int], pause_seconds: float
) -> None:
    words = [f"w{n} " for n in range(200)]
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        for word in words:
            await asyncio.sleep(pause_seconds)
            yield word

    async with (
        asyncio.timeout(30),
        Client(cable.url) as worker,
        Client(cable.url) as caller,
        serving(agent, worker),
    ):
        texts: list[str] = []
        async for part in caller.invoke("A", "hi"):
            if isinstance(part, Text):
                texts.append(part.text)
            if isinstance(part, Snapshot):
                texts = [part.text]
            if len(texts) in cuts:
                cable.cut()
    assert "".join(texts) == "".join(words)


async def test_an_agent_registers_again_with_a_core_that_was_restarted() -> None:
    agent, ready = echo(), asyncio.Event()
    first = CoreSettings(grpc="127.0.0.1:0", drain_seconds=0.2)
    async with asyncio.timeout(40), AsyncExitStack() as stack:
        async with CoreServer(first).open() as addresses:
            client = await stack.enter_async_context(Client(f"grpc://{addresses['grpc']}"))
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            tasks.create_task(agent.serve(client=client, ready=ready.set))
            await ready.wait()
            assert await client.invoke("PARROT", "one").text() == "one "
        again = CoreSettings(grpc=addresses["grpc"], drain_seconds=0.2)
        await stack.enter_async_context(CoreServer(again).open())
        stack.callback(agent.drain)
        assert (await anext(aiter(client.presence("agent")))).entity_id == "PARROT"
        assert await client.invoke("PARROT", "two").text() == "two "
        agent.drain()


async def test_a_drained_core_is_left_and_a_restarted_one_gets_the_rest_of_publishes() -> None:
    first = CoreSettings(grpc="127.0.0.1:0", drain_seconds=0.2)
    async with asyncio.timeout(40), AsyncExitStack() as stack:
        async with CoreServer(first).open() as addresses:
            client = await stack.enter_async_context(Client(f"grpc://{addresses['grpc']}"))
            await client.publish("room", "one")
            subscription = await stack.enter_async_context(client.subscribe("room"))
        again = CoreSettings(grpc=addresses["grpc"], drain_seconds=0.2)
        await stack.enter_async_context(CoreServer(again).open())
        gap = await anext(subscription)
        assert isinstance(gap, Gap)
        assert gap.reason == "epoch_changed"
        published = await client.publish("room", "two")
        event = await anext(subscription)
        assert isinstance(event, Event)
        assert event.event_id == published.event_id
        await client.close()
