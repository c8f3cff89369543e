"""An answer as completion and as chunks, and what its request says to the worker."""

import base64
from collections.abc import AsyncIterator

from blackroad.client import (
    Call,
    Finished,
    Media,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Yielded,
)
from tests.edge.chat.openai.sdk import WEATHER, chunks_of, pointed_at, words
from tests.edge.chat.stage import serving
from tests.edge.rig import EdgeRig


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
