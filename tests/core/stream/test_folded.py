"""Folding an answer's updates."""

from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.stream.folded import Folded
from blackroad.core.stream.update import update_in
from blackroad.realtime.v1 import event_pb2

SHORT = st.text(max_size=8)
USAGE = st.builds(
    event_pb2.Usage, input_tokens=st.integers(0, 99), output_tokens=st.integers(0, 99)
)
CALL = st.builds(event_pb2.ToolCall, tool_call_id=SHORT, name=SHORT)
RESULT = st.builds(event_pb2.ToolResult, tool_call_id=SHORT, content=SHORT)
ASK = st.builds(event_pb2.AnswerInputRequired, prompt=SHORT)
STEPS = st.one_of(
    st.builds(event_pb2.AnswerUpdate, text_delta=SHORT),
    st.builds(event_pb2.AnswerUpdate, thinking_delta=SHORT),
    st.builds(event_pb2.AnswerUpdate, usage=USAGE),
    st.builds(event_pb2.AnswerUpdate, tool_call=CALL),
    st.builds(event_pb2.AnswerUpdate, tool_result=RESULT),
    st.builds(event_pb2.AnswerUpdate, input_required=ASK),
    st.builds(event_pb2.AnswerUpdate, input=st.builds(event_pb2.AnswerInput, json=SHORT)),
    st.builds(event_pb2.AnswerUpdate, progress=st.builds(event_pb2.AnswerProgress, message=SHORT)),
    st.builds(
        event_pb2.AnswerUpdate, queued=st.builds(event_pb2.AnswerQueued, position=st.just(1))
    ),
    st.builds(
        event_pb2.AnswerUpdate,
        started=st.builds(event_pb2.AnswerStarted, agent=SHORT, attempt=st.integers(1, 3)),
    ),
)
ENDINGS = st.one_of(
    st.none(),
    st.builds(event_pb2.AnswerUpdate, finished=st.builds(event_pb2.AnswerFinished, usage=USAGE)),
    st.builds(event_pb2.AnswerUpdate, failed=st.builds(event_pb2.AnswerFailed, message=SHORT)),
    st.builds(event_pb2.AnswerUpdate, cancelled=st.builds(event_pb2.AnswerCancelled, usage=USAGE)),
)


def fold(folded: Folded, updates: list[event_pb2.AnswerUpdate]) -> Folded:
    for update in updates:
        folded.apply(update_in(update), folded.offset + 1)
    return folded


@given(st.lists(STEPS), ENDINGS, st.integers(0, 50))
def test_folding_a_snapshot_and_then_the_rest_is_folding_all(
    steps: list[event_pb2.AnswerUpdate], ending: event_pb2.AnswerUpdate | None, cut: int
) -> None:
    updates = [*steps, ending] if ending else steps
    for number, update in enumerate(updates):
        update.index = number
    snapshot = fold(Folded(), updates[:cut]).snapshot("st_1")
    resumed = fold(Folded.of(snapshot), updates[cut:])
    assert resumed.snapshot("st_1") == fold(Folded(), updates).snapshot("st_1")


@given(st.lists(STEPS))
def test_the_joined_deltas_are_the_text(steps: list[event_pb2.AnswerUpdate]) -> None:
    said = "".join(step.text_delta for step in steps)
    assert fold(Folded(), steps).text == said


def test_neighbouring_deltas_of_one_kind_are_one_part() -> None:
    steps = [
        event_pb2.AnswerUpdate(thinking_delta="hm"),
        event_pb2.AnswerUpdate(thinking_delta="m"),
        event_pb2.AnswerUpdate(text_delta="a"),
        event_pb2.AnswerUpdate(usage=event_pb2.Usage(output_tokens=1)),
        event_pb2.AnswerUpdate(text_delta="b"),
    ]
    parts = fold(Folded(), steps).snapshot("st_1").parts
    assert [(part.thinking, part.text) for part in parts] == [("hmm", ""), ("", "ab")]


def test_an_ending_without_usage_keeps_the_last_one() -> None:
    steps = [
        event_pb2.AnswerUpdate(usage=event_pb2.Usage(output_tokens=7)),
        event_pb2.AnswerUpdate(cancelled=event_pb2.AnswerCancelled()),
    ]
    snapshot = fold(Folded(), steps).snapshot("st_1")
    assert snapshot.usage.output_tokens == 7
    assert snapshot.state == event_pb2.ANSWER_STATE_CANCELLED
    assert snapshot.WhichOneof("ending") == "cancelled"
