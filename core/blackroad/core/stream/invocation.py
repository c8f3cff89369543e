"""Work as a worker gets it."""

from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from blackroad.realtime.v1 import stream_pb2

if TYPE_CHECKING:
    from blackroad.core.stream.answer import Answer

NS = 1_000_000_000


def invocation_frame(answer: "Answer", left_seconds: float) -> bytes:
    """Return the frame that gives an invocation to a worker."""
    invoke = answer.invoke
    left_ns = max(int(left_seconds * NS), 0)
    invocation = stream_pb2.Invocation(
        target=answer.route.target,
        messages=answer.messages,
        deadline=Duration(seconds=left_ns // NS, nanos=left_ns % NS),
        caller=answer.invoker.wire,
        create_time=Timestamp(seconds=answer.created_ns // NS, nanos=answer.created_ns % NS),
        conversation=answer.conversation,
        ancestors=answer.ancestors,
        traceparent=invoke.traceparent,
    )
    if invoke.HasField("options"):
        invocation.options.CopyFrom(invoke.options)
    frame = stream_pb2.ServeResponse(
        stream_id=answer.stream_id, attempt=answer.attempt, invocation=invocation
    )
    return frame.SerializeToString()


def as_messages(text: str) -> list[stream_pb2.Message]:
    """Return an input that is a text as messages: one of the user."""
    part = stream_pb2.MessagePart(text=text)
    return [stream_pb2.Message(role=stream_pb2.ROLE_USER, parts=[part])]
