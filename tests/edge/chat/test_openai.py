"""The `openai` SDK, pointed at an edge."""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import openai
import pytest
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionToolUnionParam,
)

from blackroad.client import (
    Call,
    Finished,
    Media,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Yielded,
)
from tests.edge.chat.stage import serving, token, until_set
from tests.edge.rig import EdgeRig

WEATHER: ChatCompletionToolUnionParam = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object"}},
}
SECONDS = 10.0


@asynccontextmanager
async def pointed_at(
    edge: EdgeRig, retries: int = 0, key: str = "not-needed"
) -> AsyncGenerator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{edge.url}/v1", api_key=key, max_retries=retries, timeout=SECONDS
    ) as client:
        yield client


async def words(call: Call) -> AsyncIterator[Yielded]:
    for number, word in enumerate(call.text.split()):
        yield word if number == 0 else f" {word}"
    yield Finished(usage=Usage(3, 2))


async def test_a_completion_has_the_text_the_usage_and_the_answers_id(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "WORDS", words), pointed_at(edge) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="WORDS", messages=[{"role": "user", "content": "one two"}]
        )
        completion = raw.parse()
        choice = completion.choices[0]
        assert (choice.message.content, choice.finish_reason) == ("one two", "stop")
        assert completion.usage is not None
        assert (completion.usage.prompt_tokens, completion.usage.total_tokens) == (3, 5)
        assert completion.model == "WORDS"
        stream_id = raw.headers["x-stream-id"]
        assert completion.id == f"chatcmpl-{stream_id}"
        async with edge.http() as http:
            assert (await http.get(f"/v1/streams/{stream_id}")).json()["text"] == "one two"


async def chunks_of(client: AsyncOpenAI, model: str, text: str) -> list[ChatCompletionChunk]:
    stream = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": text}],
        stream=True,
        stream_options={"include_usage": True},
    )
    return [chunk async for chunk in stream]


async def test_a_stream_begins_with_the_role_and_ends_with_reason_and_usage(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "WORDS", words), pointed_at(edge) as client:
        chunks = await chunks_of(client, "WORDS", "one two three")
    assert chunks[0].choices[0].delta.role == "assistant"
    said = [chunk.choices[0].delta.content or "" for chunk in chunks[:-1]]
    assert "".join(said) == "one two three"
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-2]] == [None] * (len(chunks) - 2)
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 5
    assert len({chunk.id for chunk in chunks}) == 1


async def test_everything_that_is_asked_reaches_the_worker(core: str, edge: EdgeRig) -> None:
    pixel = b"\x89PNG"
    image = f"data:image/png;base64,{base64.b64encode(pixel).decode()}"
    async with serving(core, "WORDS", words) as acted, pointed_at(edge) as client:
        await client.chat.completions.create(
            model="WORDS",
            messages=[
                {"role": "developer", "content": "be brief"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "see"},
                        {"type": "image_url", "image_url": {"url": image}},
                        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    ],
                },
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"at":"x"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "sun"},
                {"role": "user", "content": "hi"},
            ],
            max_completion_tokens=7,
            temperature=0.5,
            seed=4,
            stop=["END"],
            tools=[WEATHER],
            tool_choice="required",
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"type": "array"}},
            },
        )
    messages, options = acted.call.messages, acted.call.options
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool", "user"]
    assert messages[1].parts == (
        Text("see"),
        Media("image", data=pixel, media_type="image/png"),
        Media("image", url="https://example.com/a.png"),
    )
    assert messages[2].parts == (ToolCall("c1", "weather", '{"at":"x"}'),)
    assert messages[3].parts == (ToolResult("c1", "sun"),)
    assert (options.max_tokens, options.temperature, options.seed) == (7, 0.5, 4)
    assert options.stop == ("END",)
    assert '"weather"' in options.tools_json
    assert options.tool_choice_json == '"required"'
    assert options.response_format_json == '{"type":"array"}'


async def tools(call: Call) -> AsyncIterator[Yielded]:
    del call
    yield Thinking("hmm")
    yield ToolCall("own", "search", "{}")
    yield ToolResult("own", "found")
    yield ToolCall("c1", "weather", '{"at": "x"}')
    yield ToolCall("c2", "weather", "{}")
    yield Finished("tool_calls")


async def test_tool_calls_are_numbered_and_an_agents_own_are_not_shown(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "TOOLS", tools), pointed_at(edge) as client:
        completion = await client.chat.completions.create(
            model="TOOLS", messages=[{"role": "user", "content": "go"}], tools=[WEATHER]
        )
        message = completion.choices[0].message
        assert message.content is None
        assert completion.choices[0].finish_reason == "tool_calls"
        assert [call.id for call in message.tool_calls or ()] == ["c1", "c2"]
        assert message.model_extra == {"reasoning_content": "hmm"}
        async with client.chat.completions.stream(
            model="TOOLS", messages=[{"role": "user", "content": "go"}], tools=[WEATHER]
        ) as stream:
            final = await stream.get_final_completion()
        calls = final.choices[0].message.tool_calls or []
        assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
            ("c1", "weather", '{"at": "x"}'),
            ("c2", "weather", "{}"),
        ]


async def test_a_tool_that_nobody_named_is_shown_where_nobody_ran_it(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "TOOLS", tools), pointed_at(edge) as client:
        chunks = await chunks_of(client, "TOOLS", "go")
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert [(call.index, call.id) for call in calls] == [(0, "c1"), (1, "c2")]
    assert chunks[-2].choices[0].finish_reason == "tool_calls"


async def structured(call: Call) -> AsyncIterator[Yielded]:
    del call
    for part in (Finished(output='{"a":1}'),):
        yield part


async def test_a_structured_result_is_the_content(core: str, edge: EdgeRig) -> None:
    async with serving(core, "FORM", structured), pointed_at(edge) as client:
        completion = await client.chat.completions.create(
            model="FORM",
            messages=[{"role": "user", "content": "go"}],
            response_format={"type": "json_object"},
        )
        assert completion.choices[0].message.content == '{"a":1}'
        chunks = await chunks_of(client, "FORM", "go")
        said = [chunk.choices[0].delta.content or "" for chunk in chunks[:-1]]
        assert "".join(said) == '{"a":1}'


async def breaks(call: Call) -> AsyncIterator[Yielded]:
    if call.text == "late":
        yield "so far"
    await asyncio.sleep(0)
    raise RuntimeError("never shown")


async def test_what_is_wrong_has_openais_status_and_shape(core: str, edge: EdgeRig) -> None:
    async with serving(core, "BREAKS", breaks), pointed_at(edge) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.chat.completions.create(
                model="nobody", messages=[{"role": "user", "content": "x"}]
            )
        assert unknown.value.code == "model_not_found"
        assert unknown.value.type == "invalid_request_error"
        with pytest.raises(openai.BadRequestError) as wrong:
            await client.chat.completions.create(
                model="BREAKS", messages=[{"role": "user", "content": "x"}], max_tokens=0
            )
        assert (wrong.value.param, wrong.value.code) == ("max_tokens", "bad_frame")
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="BREAKS", messages=[])
        with pytest.raises(openai.InternalServerError) as failed:
            await client.chat.completions.create(
                model="BREAKS", messages=[{"role": "user", "content": "early"}]
            )
        assert (failed.value.status_code, failed.value.code) == (502, "agent_error")
        assert "never shown" not in str(failed.value.body)
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(
                model="BREAKS", messages=[{"role": "user", "content": "early"}], stream=True
            )


async def test_what_cannot_succeed_again_is_not_asked_again(core: str, edge: EdgeRig) -> None:
    async with serving(core, "BREAKS", breaks) as acted, pointed_at(edge, retries=2) as client:
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(
                model="BREAKS", messages=[{"role": "user", "content": "early"}]
            )
        assert len(acted.calls) == 1


async def test_a_late_failure_is_raised_in_the_middle_of_the_stream(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "BREAKS", breaks), pointed_at(edge) as client:
        stream = await client.chat.completions.create(
            model="BREAKS", messages=[{"role": "user", "content": "late"}], stream=True
        )
        said: list[str] = []
        with pytest.raises(openai.APIError) as failed:
            await read(stream, said)
        assert "".join(said) == "so far"
        assert failed.value.code == "agent_error"


async def read(stream: AsyncStream[ChatCompletionChunk], said: list[str]) -> None:
    async for chunk in stream:
        said.append(chunk.choices[0].delta.content or "")  # noqa: PERF401 - it may raise


async def endless(call: Call) -> AsyncIterator[Yielded]:
    del call
    yield "so far"
    await asyncio.sleep(60)


@pytest.mark.slow
async def test_a_stream_that_is_closed_cancels_its_answer_after_a_while(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "ENDLESS", endless) as acted, pointed_at(edge) as client:
        stream = await client.chat.completions.create(
            model="ENDLESS", messages=[{"role": "user", "content": "x"}], stream=True
        )
        await anext(aiter(stream))
        await stream.close()
        await until_set(acted.stopped, 8.0)


@pytest.mark.slow
async def test_a_client_that_waits_no_more_cancels_its_answer_after_a_while(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "ENDLESS", endless) as acted, pointed_at(edge) as client:
        asking = asyncio.create_task(
            client.chat.completions.create(
                model="ENDLESS", messages=[{"role": "user", "content": "x"}]
            )
        )
        await until_set(acted.asked)
        asking.cancel()
        await until_set(acted.stopped, 8.0)


async def test_an_edge_that_drains_tells_who_waits_for_a_whole_completion(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "ENDLESS", endless) as acted, pointed_at(edge) as client:
        asking = asyncio.create_task(
            client.chat.completions.create(
                model="ENDLESS", messages=[{"role": "user", "content": "x"}]
            )
        )
        await until_set(acted.asked)
        edge.edge.drain()
        with pytest.raises(openai.InternalServerError) as drained:
            await asking
        assert (drained.value.status_code, drained.value.code) == (503, "draining")


async def test_an_answer_that_another_cancels_is_an_error_not_an_end(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "ENDLESS", endless), pointed_at(edge) as client, edge.http() as http:
        stream = await client.chat.completions.create(
            model="ENDLESS", messages=[{"role": "user", "content": "x"}], stream=True
        )
        stream_id = stream.response.headers["x-stream-id"]
        await anext(aiter(stream))
        await http.delete(f"/v1/streams/{stream_id}")
        with pytest.raises(openai.APIError) as cancelled:
            await read(stream, [])
        assert cancelled.value.code == "cancelled"


async def test_agents_and_models_are_listed_and_each_can_be_asked(core: str, edge: EdgeRig) -> None:
    models = ("builtin/parrot", "ollama/*")
    async with serving(core, "WORDS", words, models), pointed_at(edge) as client:
        listed = {model.id: model.owned_by async for model in client.models.list()}
        assert listed == {"WORDS": "agent", "builtin/parrot": "builtin"}
        for model in listed:
            completion = await client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "hi"}]
            )
            assert completion.choices[0].message.content == "hi"
        assert (await client.models.retrieve("builtin/parrot")).id == "builtin/parrot"
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("nobody")


async def test_a_token_is_obeyed_and_its_grants_decide(core: str, edge: EdgeRig) -> None:
    question: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
    async with serving(core, "WORDS", words), serving(core, "OTHER", words):
        async with pointed_at(edge, key="not.a.token") as client:
            with pytest.raises(openai.AuthenticationError) as refused:
                await client.chat.completions.create(model="WORDS", messages=question)
            assert refused.value.code == "unauthenticated"
        granted = token("bea", "agent.WORDS", "invoke")
        async with pointed_at(edge, key=granted) as client:
            assert [model.id async for model in client.models.list()] == ["WORDS"]
            await client.chat.completions.create(model="WORDS", messages=question)
            with pytest.raises(openai.PermissionDeniedError) as forbidden:
                await client.chat.completions.create(model="OTHER", messages=question)
            assert forbidden.value.code == "forbidden"


async def test_a_page_may_send_an_sdks_own_headers(edge: EdgeRig) -> None:
    asked = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    }
    async with edge.http() as http:
        allowed = await http.options("/v1/chat/completions", headers=asked)
        foreign = await http.options("/v1/models", headers=asked | {"origin": "http://evil.test"})
    assert allowed.status_code == 204
    assert "x-stainless-lang" in allowed.headers["access-control-allow-headers"]
    assert "X-Should-Retry" in allowed.headers["access-control-expose-headers"]
    assert foreign.status_code == 403
    assert "access-control-allow-headers" not in foreign.headers


async def test_a_client_of_http_1_0_gets_a_stream_that_is_not_chunked(
    core: str, edge: EdgeRig
) -> None:
    body = b'{"model": "WORDS", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'
    head = f"POST /v1/chat/completions HTTP/1.0\r\nhost: {edge.address}\r\n"
    async with serving(core, "WORDS", words):
        reader, writer = await asyncio.open_connection(*edge.address.split(":"))
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = await asyncio.wait_for(reader.read(), SECONDS)
        writer.close()
        await writer.wait_closed()
    assert b"chunked" not in answer
    assert b"\r\n\r\ndata: {" in answer
    assert answer.endswith(b"data: [DONE]\n\n")


async def test_many_streams_at_once_keep_their_texts_apart(core: str, edge: EdgeRig) -> None:
    async with serving(core, "WORDS", words), pointed_at(edge) as client:
        texts = [f"number {number} ünï 😀" for number in range(12)]
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(chunks_of(client, "WORDS", text)) for text in texts]
    for text, task in zip(texts, asked, strict=True):
        said = [c.choices[0].delta.content or "" for c in task.result() if c.choices]
        assert "".join(said) == text
