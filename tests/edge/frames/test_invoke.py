"""What is asked of agents and models, as the contract has it."""

import json

import pytest

from blackroad.edge.chat.models import chat_invoke, decode_chat
from blackroad.edge.errors import Refusal
from blackroad.edge.frames.client import AgentInvoke, BadFrame, decode
from blackroad.edge.frames.invoke import invoke_of
from blackroad.realtime.v1 import stream_pb2


def invoke(**fields: object) -> stream_pb2.Invoke:
    frame = decode(json.dumps({"type": "agent.invoke", **fields}).encode())
    if isinstance(frame, BadFrame):
        raise frame.refusal
    assert isinstance(frame, AgentInvoke)
    return invoke_of(frame)


def test_a_text_is_a_text() -> None:
    asked = invoke(agent="ECHO", input="hi", conversation="c", deadline_seconds=1.5)
    assert (asked.target.agent, asked.text, asked.conversation) == ("ECHO", "hi", "c")
    assert (asked.deadline.seconds, asked.deadline.nanos) == (1, 500_000_000)


def test_what_becomes_of_an_abandoned_answer_is_carried_over() -> None:
    asked = invoke(agent="ECHO", input="hi", on_abandoned="cancel", abandoned_after_seconds=2.5)
    assert asked.on_abandoned == stream_pb2.ON_ABANDONED_CANCEL
    assert (asked.abandoned_after.seconds, asked.abandoned_after.nanos) == (2, 500_000_000)
    chat = {"prompt": "hi", "on_abandoned": "cancel", "abandoned_after_seconds": 0}
    asked = chat_invoke(decode_chat(json.dumps(chat).encode(), 1 << 20, 32))
    assert asked.HasField("abandoned_after")
    assert asked.abandoned_after.ToNanoseconds() == 0


def test_messages_have_every_kind_of_part() -> None:
    asked = invoke(
        model="builtin/echo",
        input=[
            {"role": "system", "content": "short"},
            {
                "role": "user",
                "parts": [
                    {"type": "text", "text": "t"},
                    {"type": "image", "url": "https://example.com/i.png"},
                    {"type": "file", "data": "AP8=", "media_type": "x/y"},
                    {"type": "tool_call", "tool_call_id": "1", "name": "f", "arguments": {"a": 1}},
                    {"type": "tool_result", "tool_call_id": "1", "content": {"b": 2}},
                    {"type": "data", "data": [1]},
                ],
            },
        ],
    )
    first, second = asked.messages
    assert (first.role, first.parts[0].text) == (stream_pb2.ROLE_SYSTEM, "short")
    assert [part.WhichOneof("part") for part in second.parts] == [
        "text",
        "image",
        "file",
        "tool_call",
        "tool_result",
        "data_json",
    ]
    assert second.parts[2].file.data == b"\x00\xff"
    assert json.loads(second.parts[3].tool_call.arguments) == {"a": 1}
    assert json.loads(second.parts[4].tool_result.content) == {"b": 2}


def test_options_are_carried_over() -> None:
    options = invoke(
        agent="A",
        input="x",
        on_abandoned="cancel",
        options={"max_tokens": 5, "max_seconds": 2, "temperature": 0, "stop": "s", "seed": -1},
    ).options
    assert (options.max_tokens, options.max_time.seconds, options.seed) == (5, 2, -1)
    assert options.HasField("temperature")
    assert list(options.stop) == ["s"]


def test_options_that_are_json_keep_it() -> None:
    tools = [{"name": "f", "parameters": {"type": "object"}}]
    shape = {"type": "object"}
    given = {"tools": tools, "tool_choice": "auto", "response_format": shape, "stop": None}
    options = invoke(agent="A", input="x", options=given).options
    assert json.loads(options.tools_json) == tools
    assert json.loads(options.tool_choice_json) == "auto"
    assert json.loads(options.response_format_json) == shape


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("tools", ["5", '"f"', '{"name": "f"}', "[5]", "[[]]"]),
        ("tool_choice", ["5", "[]", "true"]),
        ("response_format", ['"json"', "[]", "5"]),
        ("stop", ["5", "[5]"]),
        ("temperature", ['"hot"', "[]", "true"]),
        ("max_tokens", ["1.5", '"5"', "-1", "true"]),
        ("max_seconds", ["0", '"5"']),
        ("seed", ['"x"']),
    ],
)
def test_an_option_of_another_type_is_a_bad_frame(option: str, wrong: list[str]) -> None:
    for value in wrong:
        with pytest.raises(Refusal) as caught:
            invoke(agent="A", input="x", options={option: json.loads(value)})
        assert caught.value.code == "bad_frame", value


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"input": "x"}, "missing_field"),
        ({"agent": "A"}, "missing_field"),
        ({"agent": "A", "input": ""}, "missing_field"),
        ({"agent": "A", "input": []}, "missing_field"),
        ({"agent": "A", "input": [{"role": "user"}]}, "missing_field"),
        ({"agent": "A", "model": "B", "input": "x"}, "bad_frame"),
        ({"agent": "A", "input": 5}, "bad_frame"),
        ({"agent": "A", "input": [{"role": "robot", "content": "x"}]}, "bad_frame"),
        ({"agent": "A", "input": [{"parts": [{"type": "image"}]}]}, "missing_field"),
        (
            {
                "agent": "A",
                "input": [{"parts": [{"type": "file", "data": "?", "media_type": "x"}]}],
            },
            "bad_frame",
        ),
        ({"agent": "A", "input": "x", "options": {"max_tokens": 0}}, "bad_frame"),
        ({"agent": "A", "input": "x", "deadline_seconds": -1}, "bad_frame"),
    ],
)
def test_what_is_wrong_is_refused(fields: dict[str, object], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        invoke(**fields)
    assert caught.value.code == code
