"""The AI SDK's chat in Node, against an edge."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from blackroad.client import (
    Call,
    Finished,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Yielded,
)
from tests.edge.chat.stage import serving
from tests.edge.chat.ui.reading import act, breaks, in_the_middle
from tests.edge.rig import EdgeRig, Frame, an_object
from tests.node.conftest import Run

pytestmark = pytest.mark.node


def frames(value: object) -> list[Frame]:
    """Return a JSON list of objects."""
    assert isinstance(value, list)
    return [an_object(item) for item in cast("list[object]", value)]


def answer(ended: Frame) -> Frame:
    """Return the last message, which is the assistant's."""
    last = frames(ended["messages"])[-1]
    assert last["role"] == "assistant"
    return last


def text(ended: Frame) -> str:
    parts = frames(answer(ended)["parts"])
    return "".join(str(part["text"]) for part in parts if part["type"] == "text")


async def test_a_message_is_made_of_all_parts_and_has_the_usage(
    core: str, edge: EdgeRig, chat: Run
) -> None:
    async with serving(core, "ACTOR", act):
        ended = await chat(api=f"{edge.url}/v1/chat/ui?agent=ACTOR", id="c1", text="go")
    assert (ended["status"], ended.get("error")) == ("ready", None)
    assert an_object(ended["finish"])["finishReason"] == "stop"
    message = answer(ended)
    shown = [(part["type"], part.get("state")) for part in frames(message["parts"])]
    assert shown == [
        ("step-start", None),
        ("reasoning", "done"),
        ("text", "done"),
        ("tool-search", "output-available"),
        ("step-start", None),
        ("tool-search", "output-error"),
        ("step-start", None),
        ("text", "done"),
    ]
    assert text(ended) == "one twothree"
    metadata = an_object(message["metadata"])
    assert message["id"] == metadata["streamId"]
    assert metadata["usage"] == {"inputTokens": 4, "outputTokens": 5, "totalTokens": 9}


async def asks_for_weather(call: Call) -> AsyncIterator[Yielded]:
    results = [
        part for message in call.messages for part in message.parts if isinstance(part, ToolResult)
    ]
    if results:
        yield f"It is {results[-1].content}."
    else:
        yield Thinking("I need the weather")
        yield ToolCall("t1", "weather", '{"at": "home"}')
        yield Finished("tool_calls", usage=Usage(1, 1))


async def test_a_tool_runs_in_the_client_and_the_answer_goes_on_in_its_message(
    core: str, edge: EdgeRig, chat: Run
) -> None:
    async with serving(core, "WEATHER", asks_for_weather) as acted:
        ended = await chat(
            api=f"{edge.url}/v1/chat/ui",
            body={"agent": "WEATHER"},
            id="c1",
            text="And outside?",
            outputs={"weather": "sunny"},
        )
    assert (ended["status"], ended.get("error")) == ("ready", None)
    assert len(frames(ended["messages"])) == 2
    assert text(ended) == "It is sunny."
    assert len(acted.calls) == 2
    assert [turn.role for turn in acted.call.messages] == ["user", "assistant", "tool"]


async def test_a_chat_is_resumed_and_has_the_whole_text(
    core: str, edge: EdgeRig, chat: Run
) -> None:
    api = f"{edge.url}/v1/chat/ui"
    async with in_the_middle(core, edge, "c/1") as (gated, _, told):
        resuming = asyncio.create_task(chat(api=api, id="c/1", messages=[], resume=True))
        while len(edge.edge.context.trunk.sessions) < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        gated.more.set()
        ended = await resuming
        assert text(ended) == "so far, and the rest"
        await told.rest()
        assert answer(ended)["id"] == told.chunks[0]["messageId"]
        nothing = await chat(api=api, id="c/1", messages=ended["messages"], resume=True)
        assert (nothing["status"], nothing["messages"]) == ("ready", ended["messages"])


@pytest.mark.parametrize("when", ["early", "late"])
async def test_a_failure_is_an_error_of_the_chat(
    core: str, edge: EdgeRig, chat: Run, when: str
) -> None:
    async with serving(core, "BREAKS", breaks):
        ended = await chat(api=f"{edge.url}/v1/chat/ui?agent=BREAKS", id="c1", text=when)
    assert ended["status"] == "error"
    assert "The agent failed" in str(ended["error"])
    assert "never shown" not in str(ended["error"])


async def steps(call: Call) -> AsyncIterator[Yielded]:
    await call.progress(50, "half")
    yield "done"


async def test_progress_comes_as_data(core: str, edge: EdgeRig, chat: Run) -> None:
    async with serving(core, "STEPS", steps):
        ended = await chat(api=f"{edge.url}/v1/chat/ui?agent=STEPS", id="c1", text="go")
    (progress,) = frames(ended["data"])
    assert (progress["type"], progress["data"]) == (
        "data-progress",
        {"percent": 50, "message": "half"},
    )
    assert text(ended) == "done"
