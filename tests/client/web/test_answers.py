"""Answers over `http://`: begun, viewed, questioned and stopped as over gRPC."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import pytest

from blackroad.client import (
    Agent,
    Answer,
    AnswerFailed,
    Call,
    Cancelled,
    Client,
    Data,
    Ended,
    Finished,
    InputRequired,
    Message,
    NoAgent,
    Options,
    Part,
    Progress,
    Snapshot,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Yielded,
)
from tests.client.cable import Cable
from tests.client.web.conftest import Doors
from tests.journeys.serving import fresh, serving

SECONDS: Final = 20.0
pytestmark = pytest.mark.timeout(120)


async def parts(answer: Answer) -> list[Part]:
    """Return all parts of an answer, neighbouring texts as one."""
    found: list[Part] = []
    async with asyncio.timeout(SECONDS):
        async for part in answer:
            before = found[-1] if found else None
            if isinstance(before, Text) and isinstance(part, Text):
                found[-1] = Text(before.text + part.text)
            else:
                found.append(part)
    return found


async def everything(call: Call) -> AsyncGenerator[Yielded]:
    """Answer with everything that an answer can have."""
    yield Thinking("hm")
    yield ToolCall("t1", "look", '{"at":"it"}')
    yield ToolResult("t1", '{"seen":true}')
    await call.progress(50, "half")
    yield "Hello, "
    yield call.text
    yield Usage(3, 4)


async def test_an_answer_has_the_same_parts_at_both_doors(
    doors: Doors, web: Client, grpc: Client
) -> None:
    name = fresh("ALL")
    async with serving(doors.grpc.removeprefix("grpc://"), name, everything):
        here, there = web.invoke(name, "Ann"), grpc.invoke(name, "Ann")
        seen = await parts(here)
        assert seen == await parts(there)
        assert Progress(50, "half") in seen
        assert seen[-1] == Finished("stop", "", Usage(3, 4))
        one, other = [await parts(each.join(here.stream_id)) for each in (web, grpc)]
        assert isinstance(one[0], Snapshot)
        assert isinstance(other[0], Snapshot)
        assert one[0].parts == other[0].parts
        assert one[1:] == other[1:]


async def test_messages_and_options_arrive(doors: Doors, web: Client) -> None:
    heard: list[tuple[list[Message], Options]] = []

    async def tell(call: Call) -> AsyncGenerator[str]:
        heard.append((list(call.messages), call.options))
        yield "heard"

    name = fresh("TELL")
    messages = [
        Message("system", (Text("be brief"),)),
        Message("user", (Text("hi"), Data('{"a":1}'))),
        Message("assistant", (ToolCall("t1", "look", '{"at":1}'),)),
        Message("tool", (ToolResult("t1", "seen"),)),
    ]
    options = Options(max_tokens=5, max_time_seconds=7.5, stop=("x",), seed=3, temperature=0.5)
    async with serving(doors.grpc.removeprefix("grpc://"), name, tell):
        await web.invoke(name, messages, options=options, deadline_seconds=60).text()
    assert heard == [(messages, options)]


async def test_a_question_is_answered_and_a_cancel_arrives(doors: Doors, web: Client) -> None:
    stopped = asyncio.Event()

    async def ask(call: Call) -> AsyncGenerator[str]:
        yield str(await call.ask("which?", {"enum": ["a", "b"]}))
        try:
            await asyncio.Event().wait()
        finally:
            if call.cancelled:
                stopped.set()

    name = fresh("ASK")
    async with serving(doors.grpc.removeprefix("grpc://"), name, ask), asyncio.timeout(SECONDS):
        answer, seen = web.invoke(name, "go"), list[Part]()
        async for part in answer:
            if isinstance(part, InputRequired):
                assert part.prompt == "which?"
                await answer.reply("b")
            elif isinstance(part, Text):
                assert part.text == "b"
                await answer.cancel()
            seen.append(part)
        assert isinstance(seen[-1], Cancelled)
        await stopped.wait()


async def test_an_answer_goes_on_over_a_connection_that_was_cut(doors: Doors) -> None:
    go_on = asyncio.Event()

    async def slow(call: Call) -> AsyncGenerator[str]:
        yield "one"
        await go_on.wait()
        yield " two"

    name = fresh("SLOW")
    async with (
        serving(doors.grpc.removeprefix("grpc://"), name, slow),
        Cable.laid(doors.http.removeprefix("http://")) as cable,
        Client(cable.url.replace("grpc://", "http://"), timeout_seconds=20) as web,
        asyncio.timeout(SECONDS),
    ):
        answer = web.invoke(name, "go")
        async for part in answer:
            if isinstance(part, Text):
                break
        cable.cut()
        go_on.set()
        assert await parts(answer) == [Text(" two"), Finished("stop", "", Usage(0, 2))]


async def test_failures_have_their_codes(doors: Doors, web: Client) -> None:
    async def fail(call: Call) -> AsyncGenerator[str]:
        yield "so far"
        raise AnswerFailed("model_overloaded", "later", retryable=True, retry_after_seconds=3)

    name = fresh("FAIL")
    with pytest.raises(NoAgent):
        await web.invoke("NOBODY", "x").text()
    async with serving(doors.grpc.removeprefix("grpc://"), name, fail):
        with pytest.raises(AnswerFailed, match="later") as failed:
            await web.invoke(name, "x").text()
    assert (failed.value.code, failed.value.retryable) == ("model_overloaded", True)


async def test_an_agent_is_told_that_it_needs_grpc(doors: Doors) -> None:
    agent = Agent("HTTP", url=doors.http)

    @agent.answer
    async def answer(call: Call) -> AsyncGenerator[str]:
        yield call.text

    with pytest.raises(Ended, match="grpc://") as refused:
        await agent.serve()
    assert refused.value.code == "unimplemented"
