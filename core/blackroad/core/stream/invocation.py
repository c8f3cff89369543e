"""Work as a worker gets it."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.stencil import stencil
from blackroad.core.stream.route import Route
from blackroad.realtime.v1 import stream_pb2

if TYPE_CHECKING:
    from blackroad.core.stream.answer import Answer

NS = 1_000_000_000


class Form(NamedTuple):
    """A frame, and what of it is filled for each invocation: found once, not each time."""

    frame: stream_pb2.ServeResponse
    input: stream_pb2.MessagePart
    deadline: Duration
    created: Timestamp


def invocation_frame(answer: "Answer", left_seconds: float) -> bytes:
    """Return the frame that gives an invocation to a worker."""
    who = answer.invoker
    form = next(_plain(answer.route, who.tenant, who.subject, who.kind))
    if answer.more:
        form = _copied(form)
        _add_more(form.frame.invocation, answer)
    else:
        form.input.text = answer.invoke.text
    frame, deadline, created = form.frame, form.deadline, form.created
    frame.stream_id = answer.stream_id
    frame.attempt = answer.attempt
    left_ns = max(int(left_seconds * NS), 0)
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
def _plain(route: Route, tenant: str, subject: str, kind: Kind) -> Iterator[Form]:
    """Return what all invocations that are a text from one caller to one target have."""
    caller = Identity(tenant, subject, kind).wire
    part = stream_pb2.MessagePart(text="")
    message = stream_pb2.Message(role=stream_pb2.ROLE_USER, parts=[part])
    invocation = stream_pb2.Invocation(target=route.target, caller=caller, messages=[message])
    return stencil(lambda: _form(stream_pb2.ServeResponse(invocation=invocation)))


def _form(frame: stream_pb2.ServeResponse) -> Form:
    invocation = frame.invocation
    return Form(frame, invocation.messages[0].parts[0], invocation.deadline, invocation.create_time)


def _copied(form: Form) -> Form:
    frame = stream_pb2.ServeResponse()
    frame.CopyFrom(form.frame)
    return _form(frame)
