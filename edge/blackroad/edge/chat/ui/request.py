"""The body that `useChat` sends, and what it asks of the core."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct, field

from blackroad.edge.chat.media import media_part
from blackroad.edge.chat.models import DEFAULT_MODEL
from blackroad.edge.errors import Refusal
from blackroad.edge.frames.client import Options, explain
from blackroad.edge.frames.draft import string_of
from blackroad.edge.frames.invoke import ABANDONED, ROLES, options_of, target_of
from blackroad.edge.frames.times import duration_of
from blackroad.realtime.v1 import event_pb2, stream_pb2

CHAT: Final = "chat"
"""The label that says which chat an answer is of."""
MESSAGE: Final = "message"
"""The label that says which message of the assistant it goes on with."""
Id = Annotated[str, Meta(min_length=1, max_length=128)]


class UiPart(Struct, rename="camel"):
    """One part of a message; which fields are there depends on `type`."""

    type: str
    text: str = ""
    url: str = ""
    media_type: str = ""
    tool_name: str = ""
    tool_call_id: str = ""
    state: str = ""
    input: Raw = field(default_factory=Raw)
    output: Raw = field(default_factory=Raw)
    error_text: str = ""
    data: Raw = field(default_factory=Raw)

    @property
    def tool(self) -> str:
        """The name of the tool that was called; empty where the part is no call."""
        if self.type == "dynamic-tool":
            return self.tool_name
        return self.type.removeprefix("tool-") if self.type.startswith("tool-") else ""


class UiMessage(Struct):
    """One message of the chat."""

    role: Literal["system", "user", "assistant"]
    parts: list[UiPart] = []
    id: Annotated[str, Meta(max_length=128)] = ""


class UiRequest(Struct, kw_only=True):
    """The body of `POST /v1/chat/ui`: useChat's own fields, and ours beside them."""

    id: Id
    messages: Annotated[list[UiMessage], Meta(min_length=1)]
    model: str | None = None
    agent: str | None = None
    capability: str | None = None
    deadline_seconds: Annotated[float, Meta(gt=0, le=86400)] | None = None
    on_abandoned: Literal["continue", "cancel"] | None = None
    abandoned_after_seconds: Annotated[float, Meta(ge=0, le=86400)] | None = None
    options: Options | None = None

    @property
    def continued(self) -> str:
        """The message of the assistant that the answer goes on with; empty where it is new."""
        last = self.messages[-1]
        return last.id if last.role == "assistant" else ""


_DECODER: Final = msgspec.json.Decoder(UiRequest)


def decode(body: bytes) -> UiRequest:
    """Read a body that was scanned; Refusal says which field is wrong."""
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise explain(error) from None
    except ValueError:  # no body at all, and numbers beyond all bounds
        raise Refusal("bad_frame", "the body is a JSON object") from None


def invoke_of(request: UiRequest, target: stream_pb2.Target) -> stream_pb2.Invoke:
    """Return what to ask of the core; the body's target beats the one that is given."""
    if request.agent or request.capability or request.model:
        target = target_of(request.agent, request.capability, request.model)
    labels = {CHAT: request.id}
    if request.continued:
        labels[MESSAGE] = request.continued
    invoke = stream_pb2.Invoke(
        target=target if target.WhichOneof("target") else target_of(model=DEFAULT_MODEL),
        messages=[turn for message in request.messages for turn in _turns(message)],
        on_abandoned=ABANDONED[request.on_abandoned],
        labels=labels,
    )
    if not invoke.messages:
        raise Refusal("missing_field", "`messages` say nothing")
    if request.abandoned_after_seconds is not None:
        invoke.abandoned_after.CopyFrom(duration_of(request.abandoned_after_seconds))
    if request.deadline_seconds is not None:
        invoke.deadline.CopyFrom(duration_of(request.deadline_seconds))
    if request.options is not None:
        invoke.options.CopyFrom(options_of(request.options))
    return invoke


def _turns(message: UiMessage) -> Iterator[stream_pb2.Message]:
    """Yield what a message is: of the assistant's, what it said, then what its tools returned."""
    said: list[stream_pb2.MessagePart] = []
    results: list[stream_pb2.MessagePart] = []
    for part in message.parts:
        if results and not part.tool:
            yield from _flush(message.role, said, results)
        if part.tool and message.role == "assistant":
            _put_call(part, said, results)
        elif (found := _part(part, message.role)) is not None:
            said.append(found)
    yield from _flush(message.role, said, results)


def _flush(
    role: str, said: list[stream_pb2.MessagePart], results: list[stream_pb2.MessagePart]
) -> Iterator[stream_pb2.Message]:
    if said:
        yield stream_pb2.Message(role=ROLES[role], parts=said)
    if results:
        yield stream_pb2.Message(role=ROLES["tool"], parts=results)
    said.clear()
    results.clear()


def _part(part: UiPart, role: str) -> stream_pb2.MessagePart | None:
    """Return what a model is told of a part: not reasoning, sources, nor our own data."""
    if part.type == "text" and part.text:
        return stream_pb2.MessagePart(text=part.text)
    if part.type == "file":
        return media_part(part.url, part.media_type)
    if part.type.startswith("data-") and role == "user" and bytes(part.data):
        return stream_pb2.MessagePart(data_json=bytes(part.data).decode())
    return None


def _put_call(
    part: UiPart,
    said: list[stream_pb2.MessagePart],
    results: list[stream_pb2.MessagePart],
) -> None:
    """Put in a call with its result; one that has none can have none any more."""
    result = _result(part)
    if result is None:
        return
    call = event_pb2.ToolCall(
        tool_call_id=part.tool_call_id,
        name=part.tool,
        arguments=bytes(part.input).decode() or "{}",
    )
    said.append(stream_pb2.MessagePart(tool_call=call))
    results.append(stream_pb2.MessagePart(tool_result=result))


def _result(part: UiPart) -> event_pb2.ToolResult | None:
    result = event_pb2.ToolResult(tool_call_id=part.tool_call_id)
    match part.state:
        case "output-available":
            output = bytes(part.output)
            result.content = string_of(output) if output[:1] == b'"' else output.decode()
        case "output-error":
            result.content, result.is_error = part.error_text, True
        case "output-denied":
            result.content, result.is_error = "The user did not allow it.", True
        case _:
            return None
    return result
