"""What a chat of the AI SDK asks of an agent."""

from blackroad.client import (
    Message,
    Text,
    ToolCall,
    ToolResult,
)
from tests.edge.chat.stage import serving
from tests.edge.chat.ui.reading import Gated, act, reading, said
from tests.edge.rig import EdgeRig, Frame


async def test_the_messages_of_a_chat_reach_the_agent_as_turns(core: str, edge: EdgeRig) -> None:
    image = "data:image/png;base64,iVBORw0KGgo="
    messages: list[Frame] = [
        {"id": "1", "role": "system", "parts": [{"type": "text", "text": "be brief"}]},
        {
            "id": "2",
            "role": "user",
            "parts": [
                {"type": "text", "text": "look"},
                {"type": "file", "mediaType": "image/png", "url": image, "filename": "a.png"},
                {"type": "data-place", "data": {"x": 1}},
            ],
        },
        {
            "id": "3",
            "role": "assistant",
            "metadata": {"any": 1},
            "parts": [
                {"type": "step-start"},
                {"type": "reasoning", "text": "hmm", "state": "done"},
                {
                    "type": "tool-search",
                    "toolCallId": "t1",
                    "state": "output-available",
                    "input": {"q": 1},
                    "output": {"found": 2},
                },
                {
                    "type": "dynamic-tool",
                    "toolName": "ask",
                    "toolCallId": "t2",
                    "state": "output-error",
                    "input": {},
                    "errorText": "down",
                },
                {"type": "tool-never", "toolCallId": "t3", "state": "input-available", "input": 1},
                {"type": "step-start"},
                {"type": "text", "text": "found it", "state": "done"},
            ],
        },
        {"id": "4", "role": "user", "parts": [{"type": "text", "text": "thanks"}]},
    ]
    body = {"id": "c", "messages": messages, "trigger": "submit-message", "agent": "ACTOR"}
    async with serving(core, "ACTOR", act) as acted:
        more = {"options": {"max_tokens": 9}}
        async with reading(edge, "POST", "/v1/chat/ui", json=body | more) as told:
            await told.rest()
    turns = acted.call.messages
    assert [turn.role for turn in turns] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert len(turns[1].parts) == 3
    assert turns[2].parts == (ToolCall("t1", "search", '{"q":1}'), ToolCall("t2", "ask", "{}"))
    assert turns[3].parts == (
        ToolResult("t1", '{"found":2}'),
        ToolResult("t2", "down", is_error=True),
    )
    assert turns[4] == Message("assistant", (Text("found it"),))
    assert acted.call.options.max_tokens == 9


async def test_an_answer_to_a_tools_result_goes_on_with_its_message(
    core: str, edge: EdgeRig
) -> None:
    body = said("go")
    part = {"type": "tool-x", "toolCallId": "1", "state": "output-available", "output": "y"}
    body["messages"] = [*list(body["messages"]), {"id": "a1", "role": "assistant", "parts": [part]}]  # type: ignore[call-overload]  # it is a list
    gated = Gated()
    async with (
        serving(core, "GATED", gated.play),
        reading(edge, "POST", "/v1/chat/ui?agent=GATED", json=body) as told,
        reading(edge, "GET", "/v1/chat/ui/c1/stream") as again,
    ):
        first = await told.next()
        assert first is not None
        assert first["messageId"] == "a1"
        assert await again.next() == first
