"""Work as a worker gets it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.stencil import Stencil
from blackroad.core.stream.route import Route
from blackroad.realtime.v1 import stream_pb2

if TYPE_CHECKING:
    from blackroad.core.stream.answer import Answer

NS = 1_000_000_000


def invocation_frame(answer: "Answer", left_seconds: float) -> bytes:
    """Return the frame that gives an invocation to a worker."""
    invoke, who = answer.invoke, answer.invoker
    stencil = _plain(answer.route, who.tenant, who.subject, who.kind)
    plain = not answer.more
    if plain:
        frame = stencil.take()
        frame.invocation.messages[0].parts[0].text = invoke.text
    else:
        frame = stream_pb2.ServeResponse()
        frame.CopyFrom(stencil.take())
        _add_more(frame.invocation, answer)
    frame.stream_id = answer.stream_id
    frame.attempt = answer.attempt
    invocation = frame.invocation
    left_ns = max(int(left_seconds * NS), 0)
    deadline, created = invocation.deadline, invocation.create_time
    deadline.seconds, deadline.nanos = divmod(left_ns, NS)
    created.seconds, created.nanos = divmod(answer.created_ns, NS)
    return frame.SerializeToString()


def has_more(invoke: stream_pb2.Invoke) -> bool:
    """Tell whether an invocation says more than a text."""
    return bool(
        not invoke.text
        or invoke.conversation
        or invoke.parent_stream_id
        or invoke.traceparent
        or invoke.HasField("options")
    )


def messages_of(invoke: stream_pb2.Invoke) -> Sequence[stream_pb2.Message]:
    """Return an input as messages: a text is one of the user."""
    if not invoke.text:
        return invoke.messages
    part = stream_pb2.MessagePart(text=invoke.text)
    return [stream_pb2.Message(role=stream_pb2.ROLE_USER, parts=[part])]


def _add_more(invocation: stream_pb2.Invocation, answer: "Answer") -> None:
    invoke = answer.invoke
    del invocation.messages[:]
    invocation.messages.extend(answer.earlier)
    invocation.messages.extend(messages_of(invoke))
    invocation.conversation = answer.conversation
    invocation.ancestors.extend(answer.ancestors)
    invocation.traceparent = invoke.traceparent
    if invoke.HasField("options"):
        invocation.options.CopyFrom(invoke.options)


@lru_cache(maxsize=1024)
def _plain(
    route: Route, tenant: str, subject: str, kind: Kind
) -> Stencil[stream_pb2.ServeResponse]:
    """Return what all invocations that are a text from one caller to one target have."""
    caller = Identity(tenant, subject, kind).wire
    part = stream_pb2.MessagePart(text="")
    message = stream_pb2.Message(role=stream_pb2.ROLE_USER, parts=[part])
    invocation = stream_pb2.Invocation(target=route.target, caller=caller, messages=[message])
    return Stencil(lambda: stream_pb2.ServeResponse(invocation=invocation))
