"""What a browser sees of an answer's steps."""

import msgspec
from google.protobuf.duration_pb2 import Duration

from blackroad.edge.errors import from_failed
from blackroad.edge.frames.answer import ending_frame
from blackroad.realtime.v1 import common_pb2, event_pb2

OVERLOADED = event_pb2.AnswerFailed(
    code=common_pb2.ERROR_CODE_MODEL_OVERLOADED,
    message="busy",
    retryable=True,
    retry_after=Duration(seconds=1, nanos=500_000_000),
)


def test_a_failure_says_when_to_try_again_where_the_provider_did() -> None:
    snapshot = event_pb2.AnswerSnapshot(stream_id="st_1", failed=OVERLOADED)
    shown = msgspec.to_builtins(ending_frame(snapshot))
    assert (shown["code"], shown["retry_after_seconds"]) == ("model_overloaded", 1.5)
    snapshot.failed.ClearField("retry_after")
    assert "retry_after_seconds" not in msgspec.to_builtins(ending_frame(snapshot))


def test_before_the_first_byte_it_is_a_refusal_that_says_the_same() -> None:
    refusal = from_failed(OVERLOADED)
    assert (refusal.code, refusal.message, refusal.retryable) == ("model_overloaded", "busy", True)
    assert refusal.retry_after_seconds == 1.5
    plain = from_failed(event_pb2.AnswerFailed(code=common_pb2.ERROR_CODE_AGENT_ERROR))
    assert plain.retry_after_seconds is None
