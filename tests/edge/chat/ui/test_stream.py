"""The grammar of the UI message stream, whatever an answer does."""

import json
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from blackroad.edge.chat.ui.stream import DONE, UiStream
from blackroad.realtime.v1 import event_pb2
from tests.edge.chat.test_retold import UPDATES, folded, update_of
from tests.edge.rig import Frame, an_object

Update = event_pb2.AnswerUpdate
ENDED = Update(finished=event_pb2.AnswerFinished())
ENDINGS = st.sampled_from(
    [
        ENDED,
        Update(failed=event_pb2.AnswerFailed(message="no")),
        Update(cancelled=event_pb2.AnswerCancelled()),
    ]
)


def chunks(updates: list[Update]) -> Iterator[Frame]:
    """Yield what a viewer is told of an answer; the last block is `[DONE]`."""
    stream = UiStream()
    events = (event_pb2.Event(channel="stream.st_1", answer=update) for update in updates)
    told = b"".join(map(stream.tell, events))
    assert told.endswith(DONE)
    for block in told.removesuffix(DONE).decode().split("\n\n")[:-1]:
        yield an_object(json.loads(block.removeprefix("data: ")))


@given(UPDATES, ENDINGS)
def test_parts_and_steps_are_opened_and_closed_and_tools_called_before_they_return(
    updates: list[Update], ending: Update
) -> None:
    open_part, steps, called = "", 0, set[str]()
    text = ""
    for number, chunk in enumerate(chunks([*updates, ending])):
        kind = str(chunk["type"])
        assert (kind == "start") == (number == 0)
        if kind.endswith("-delta"):
            assert chunk["id"] == open_part
            text += str(chunk["delta"]) if kind == "text-delta" else ""
            continue
        if kind in {"text-end", "reasoning-end"}:
            assert chunk["id"] == open_part
            open_part = ""
            continue
        assert not open_part or kind.startswith("data-"), kind
        if kind in {"text-start", "reasoning-start"}:
            open_part = str(chunk["id"])
        elif kind in {"start-step", "finish-step"}:
            steps += 1 if kind == "start-step" else -1
            assert 0 <= steps <= 1
        elif kind == "tool-input-start":
            called.add(str(chunk["toolCallId"]))
        elif kind.startswith("tool-"):
            assert chunk["toolCallId"] in called
        if "message" in kind or kind == "finish":
            assert an_object(chunk["messageMetadata"])["streamId"] == "st_1"
    assert text == folded(updates).text
    assert steps == (0 if ending.HasField("finished") else 1)


def test_arguments_that_are_no_json_are_an_error_of_the_call() -> None:
    call = event_pb2.ToolCall(tool_call_id="t1", name="f", arguments='{"a":')
    told = list(chunks([Update(tool_call=call), ENDED]))
    (error,) = [chunk for chunk in told if chunk["type"] == "tool-input-error"]
    assert (error["input"], error["toolName"]) == ('{"a":', "f")


def test_a_question_closes_the_part_before_it() -> None:
    updates = [update_of("text", "a"), update_of("ask", "b"), update_of("text", "c")]
    kinds = [chunk["type"] for chunk in chunks([*updates, ENDED])]
    assert kinds[2:7] == [
        "text-start",
        "text-delta",
        "text-end",
        "data-input-required",
        "text-start",
    ]
