"""A worker against a core that says exactly what the test says."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from blackroad.client import (
    Agent,
    AnswerFailed,
    Call,
    Finished,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Yielded,
)
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2
from tests.client.scripted import ServeWire, scripted
from tests.client.serve_frames import (
    cancel,
    goodbye,
    invocation,
    register,
    serve,
    to_the_end,
)


async def test_every_kind_of_part_goes_out_in_order_with_its_index() -> None:
    frames: list[stream_pb2.ServeRequest] = []
    agent = Agent("A", ["chat"], max_concurrency=2)

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[Yielded]:
        await call.progress(50, "half")
        yield call.text
        yield ""
        yield Text("b")
        yield Thinking("hm")
        yield ToolCall("1", "f", "{}")
        yield ToolResult("1", "ok")
        yield Usage(1, 2)
        yield Finished("length", "[]", Usage(3, 4))

    async def core(wire: ServeWire) -> None:
        wanted = await register(wire)
        assert (wanted.agent, list(wanted.capabilities)) == ("A", ["chat"])
        assert wanted.max_concurrency == 2
        await wire.write(invocation("s1", "a"))
        frames.extend(await to_the_end(wire))
        agent.drain()
        await goodbye(wire)

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        await serve(agent, url)
    assert {(each.stream_id, each.attempt) for each in frames} == {("s1", 1)}
    kinds = [each.WhichOneof("frame") for each in frames]
    assert kinds == ["accept", "progress", *["chunk"] * 6, "finish"]
    chunks = [each.chunk for each in frames if each.WhichOneof("frame") == "chunk"]
    assert [chunk.index for chunk in chunks] == [1, 2, 3, 4, 5, 6]
    assert [chunk.WhichOneof("part") for chunk in chunks] == [
        *["text", "text", "thinking", "tool_call", "tool_result", "usage"]
    ]
    finish = frames[-1].finish
    assert finish.reason == event_pb2.FINISH_REASON_LENGTH
    assert finish.output == "[]"
    assert (finish.usage.input_tokens, finish.usage.output_tokens) == (3, 4)
    assert not finish.cancelled


async def test_a_cancel_reaches_the_agent_at_its_await_and_is_confirmed_with_the_usage() -> None:
    seen: list[tuple[str, bool]] = []
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield "one"
        call.usage = Usage(7, 1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append((call.stream_id, call.cancelled))
            raise

    async def core(wire: ServeWire) -> None:
        await register(wire)
        await wire.write(invocation("s1", ""))
        assert [(await wire.read()).WhichOneof("frame") for _ in range(2)] == ["accept", "chunk"]
        await wire.write(cancel("s1", attempt=9), cancel("s1"))
        finish = (await wire.read()).finish
        assert finish.cancelled
        assert (finish.usage.input_tokens, finish.usage.output_tokens) == (7, 1)
        agent.drain()
        await goodbye(wire)

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        await serve(agent, url)
    assert seen == [("s1", True)]


async def test_a_cancel_that_comes_with_the_invocation_is_confirmed_too() -> None:
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield "never"

    async def core(wire: ServeWire) -> None:
        await register(wire)
        both = stream_pb2.ServeResponseBatch(frames=[invocation("s1", ""), cancel("s1")])
        await wire.write(stream_pb2.ServeResponse(batch=both))
        frame = await wire.read()
        assert frame.finish.cancelled
        agent.drain()
        await goodbye(wire)

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        await serve(agent, url)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("secret"), common_pb2.ERROR_CODE_AGENT_ERROR, "The agent failed"),
        (
            AnswerFailed("model_unavailable", "no " + "m" * 2000, retryable=True),
            common_pb2.ERROR_CODE_MODEL_UNAVAILABLE,
            "no m",
        ),
    ],
)
async def test_an_exception_fails_the_answer_with_a_public_text(
    error: Exception,
    code: common_pb2.ErrorCode.ValueType,
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield "one"
        raise error

    failed: list[stream_pb2.FailInvocation] = []

    async def core(wire: ServeWire) -> None:
        await register(wire)
        await wire.write(invocation("s1", ""))
        failed.append((await to_the_end(wire))[-1].fail)
        agent.drain()
        await goodbye(wire)

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        await serve(agent, url)
    assert failed[0].code == code
    assert failed[0].message.startswith(message)
    assert "secret" not in failed[0].message
    assert len(failed[0].message) <= 1024
    assert ("secret" in caplog.text) == isinstance(error, ValueError)


async def test_one_too_many_is_refused() -> None:
    agent = Agent("A", max_concurrency=1)
    go_on = asyncio.Event()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        await go_on.wait()
        yield call.text

    async def core(wire: ServeWire) -> None:
        await register(wire)
        await wire.write(invocation("s1", "a"), invocation("s2", "b"))
        frames = [await wire.read(), await wire.read()]
        assert {each.stream_id: each.WhichOneof("frame") for each in frames} == {
            "s1": "accept",
            "s2": "refuse",
        }
        go_on.set()
        await to_the_end(wire)
        agent.drain()
        await goodbye(wire)

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        await serve(agent, url)


async def test_a_question_waits_for_its_input() -> None:
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield str(await call.ask("sure?", {"type": "boolean"}))

    async def core(wire: ServeWire) -> None:
        await register(wire)
        await wire.write(invocation("s1", ""))
        assert (await wire.read()).WhichOneof("frame") == "accept"
        ask = (await wire.read()).ask
        assert (ask.prompt, ask.schema) == ("sure?", '{"type":"boolean"}')
        given = event_pb2.AnswerInput(json="true", sender="u")
        await wire.write(stream_pb2.ServeResponse(stream_id="s1", attempt=1, input=given))
        assert (await to_the_end(wire))[0].chunk.text == "True"
        agent.drain()
        await goodbye(wire)

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        await serve(agent, url)


async def test_many_chunks_are_few_frames() -> None:
    agent = Agent("A")

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        for _ in range(1000):
            yield "x"

    async def core(wire: ServeWire) -> None:
        await register(wire)
        await wire.write(invocation("s1", ""))
        frames = await to_the_end(wire)
        assert len(frames) == 1002
        assert len(wire.batches) < 20
        agent.drain()
        await wire.read()

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        await serve(agent, url)


def test_a_function_that_is_not_async_is_no_answer() -> None:
    agent = Agent("A")

    def answer(call: Call) -> Iterator[str]:
        yield call.text

    with pytest.raises(TypeError, match="async def"):
        agent.answer(answer)  # type: ignore[type-var] # pyright: ignore[reportArgumentType] - what is tested
