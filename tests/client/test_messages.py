"""Inputs survive the way over the wire."""

import pytest

from blackroad.client import Data, Media, Message, Options, Text, ToolCall, ToolResult
from blackroad.client.messages import read_message, read_options, write_message, write_options


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
def test_a_message_comes_back_as_it_went(role: str) -> None:
    message = Message(
        role,  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - one of the four
        (
            Text("a"),
            Media("image", url="https://x.example/a.png"),
            Media("file", data=b"\x00", media_type="application/pdf"),
            ToolCall("1", "search", '{"q":1}'),
            ToolResult("1", "found", is_error=True),
            Data("[1]"),
            Text("b"),
        ),
    )
    assert read_message(write_message(message)) == message
    assert message.text == "ab"


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(max_tokens=0, temperature=0.0, seed=0),
        Options(
            max_tokens=9,
            max_time_seconds=1.5,
            temperature=0.25,
            stop=("a", "b"),
            seed=-1,
            tools_json="[]",
            tool_choice_json='"auto"',
            response_format_json="{}",
        ),
    ],
)
def test_options_come_back_as_they_went(options: Options) -> None:
    assert read_options(write_options(options)) == options
