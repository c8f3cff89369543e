"""Work as a worker gets it."""

from functools import lru_cache
from typing import TYPE_CHECKING

from blackroad.core.identity.identity import Identity, Kind
from blackroad.realtime.v1 import common_pb2, stream_pb2

if TYPE_CHECKING:
    from blackroad.core.stream.answer import Answer

NS = 1_000_000_000


def invocation_frame(answer: "Answer", left_seconds: float) -> bytes:
    """Return the frame that gives an invocation to a worker."""
    invoke = answer.invoke
    frame = stream_pb2.ServeResponse(stream_id=answer.stream_id, attempt=answer.attempt)
    invocation = frame.invocation
    invocation.target.CopyFrom(answer.route.target)
    invocation.messages.extend(answer.messages)
    who = answer.invoker
    invocation.caller.CopyFrom(_caller(who.tenant, who.subject, who.kind))
    left_ns = max(int(left_seconds * NS), 0)
    invocation.deadline.seconds, invocation.deadline.nanos = divmod(left_ns, NS)
    invocation.create_time.seconds, invocation.create_time.nanos = divmod(answer.created_ns, NS)
    if answer.conversation:
        invocation.conversation = answer.conversation
    if answer.ancestors:
        invocation.ancestors.extend(answer.ancestors)
    if invoke.traceparent:
        invocation.traceparent = invoke.traceparent
    if invoke.HasField("options"):
        invocation.options.CopyFrom(invoke.options)
    return frame.SerializeToString()


@lru_cache(maxsize=1024)
def _caller(tenant: str, subject: str, kind: Kind) -> common_pb2.Identity:
    """Return who asks, made once; not to be changed."""
    return Identity(tenant, subject, kind).wire


def as_messages(text: str) -> list[stream_pb2.Message]:
    """Return an input that is a text as messages: one of the user."""
    part = stream_pb2.MessagePart(text=text)
    return [stream_pb2.Message(role=stream_pb2.ROLE_USER, parts=[part])]
