"""The body of a chat completion, and what it asks of the core."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct, field

from blackroad.edge.chat.media import base64_of, media_of, media_part
from blackroad.edge.chat.models import DEFAULT_MODEL
from blackroad.edge.errors import Refusal
from blackroad.edge.frames.client import explain
from blackroad.edge.frames.invoke import ABANDONED, ROLES
from blackroad.edge.frames.times import duration_of
from blackroad.realtime.v1 import event_pb2, stream_pb2

Tokens = Annotated[int, Meta(ge=1, le=2**32 - 1)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Seconds = Annotated[float, Meta(gt=0, le=86400)]


class TextPart(Struct, tag_field="type", tag="text"):
    """Text."""

    text: str


class RefusalPart(Struct, tag_field="type", tag="refusal"):
    """What the assistant refused with."""

    refusal: str


class ImageUrl(Struct):
    """Where an image is, or a data URL that it is."""

    url: str


class ImagePart(Struct, tag_field="type", tag="image_url"):
    """An image."""

    image_url: ImageUrl


class AudioData(Struct):
    """Sound, in base64."""

    data: str
    format: str


class AudioPart(Struct, tag_field="type", tag="input_audio"):
    """Sound."""

    input_audio: AudioData


class FileData(Struct):
    """A file as a data URL; uploaded files there are none."""

    file_data: str | None = None


class FilePart(Struct, tag_field="type", tag="file"):
    """A file."""

    file: FileData


Part = TextPart | RefusalPart | ImagePart | AudioPart | FilePart


class CompletionTurnFunction(Struct):
    """Which function is called, and how."""

    name: str
    arguments: str = "{}"


class CompletionTurnCall(Struct):
    """A tool call that the assistant made."""

    id: str
    function: CompletionTurnFunction


class CompletionTurn(Struct):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[CompletionTurnCall] | None = None
    tool_call_id: str | None = None


class ToolName(Struct):
    """The name of a function that the caller runs."""

    name: str = ""


class Tool(Struct):
    """A tool that the caller runs. Its other fields go to the worker as they are."""

    function: ToolName = field(default_factory=ToolName)


class JsonSchema(Struct):
    """The schema that the result has."""

    schema: Raw = field(default_factory=lambda: Raw(b"{}"))


class ResponseFormat(Struct):
    """Which form the result has."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Struct):
    """What a stream has besides."""

    include_usage: bool = False


class CompletionRequest(Struct, kw_only=True):
    """The body of `POST /v1/chat/completions`; unknown fields are ignored."""

    messages: Annotated[list[CompletionTurn], Meta(min_length=1)]
    model: str = DEFAULT_MODEL
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: float | None = None
    stop: list[str] | str | None = None
    seed: Seed | None = None
    tools: Raw = field(default_factory=Raw)
    tool_choice: Raw = field(default_factory=Raw)
    response_format: ResponseFormat | None = None
    n: int | None = None
    conversation: str | None = None
    deadline_seconds: Seconds | None = None
    on_abandoned: Literal["continue", "cancel"] = "cancel"
    abandoned_after_seconds: Annotated[float, Meta(ge=0, le=86400)] | None = None

    @property
    def includes_usage(self) -> bool:
        """Whether a last chunk says the usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def own_tools(self) -> frozenset[str]:
        """The names of the functions that the caller runs; Refusal where `tools` is no list."""
        document = _given(self.tools)
        if not document:
            return frozenset()
        try:
            tools = msgspec.json.decode(document, type=list[Tool])
        except msgspec.ValidationError:
            raise Refusal("bad_frame", "`tools` is not what the protocol allows") from None
        return frozenset(tool.function.name for tool in tools)


_DECODER: Final = msgspec.json.Decoder(CompletionRequest)


def decode(body: bytes) -> CompletionRequest:
    """Read a body that was scanned; Refusal says which field is wrong."""
    try:
        request = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise explain(error) from None
    except ValueError:  # no body at all, and numbers beyond all bounds
        raise Refusal("bad_frame", "the body is a JSON object") from None
    if request.n not in {None, 1}:
        raise Refusal("bad_frame", "`n` is 1: ask again for another choice")
    return request


def invoke_of(request: CompletionRequest) -> stream_pb2.Invoke:
    """Return what to ask of the core; Refusal where a part is not to be had."""
    invoke = stream_pb2.Invoke(
        target=stream_pb2.Target(model=request.model),
        messages=[_message(message) for message in request.messages],
        conversation=request.conversation or "",
        on_abandoned=ABANDONED[request.on_abandoned],
        options=_options(request),
    )
    if request.abandoned_after_seconds is not None:
        invoke.abandoned_after.CopyFrom(duration_of(request.abandoned_after_seconds))
    if request.deadline_seconds is not None:
        invoke.deadline.CopyFrom(duration_of(request.deadline_seconds))
    return invoke


def _options(request: CompletionRequest) -> stream_pb2.InvokeOptions:
    return stream_pb2.InvokeOptions(
        max_tokens=request.max_completion_tokens or request.max_tokens,
        temperature=request.temperature,
        stop=[request.stop] if isinstance(request.stop, str) else request.stop,
        seed=request.seed,
        tools_json=_given(request.tools),
        tool_choice_json=_given(request.tool_choice),
        response_format_json=_schema(request.response_format),
    )


def _given(document: Raw) -> str:
    text = bytes(document).decode()
    return "" if text == "null" else text


def _schema(wanted: ResponseFormat | None) -> str:
    """Return the JSON schema of the result; empty where any text will do."""
    if wanted is None or wanted.type == "text":
        return ""
    if wanted.type == "json_object":
        return '{"type":"object"}'
    if wanted.json_schema is None:
        raise Refusal("missing_field", "`response_format.json_schema` is missing")
    return bytes(wanted.json_schema.schema).decode()


def _message(message: CompletionTurn) -> stream_pb2.Message:
    if message.role == "tool":
        return _tool_result(message)
    role = "system" if message.role == "developer" else message.role
    parts = _parts(message.content)
    for call in message.tool_calls or ():
        told = event_pb2.ToolCall(
            tool_call_id=call.id, name=call.function.name, arguments=call.function.arguments
        )
        parts.append(stream_pb2.MessagePart(tool_call=told))
    return stream_pb2.Message(role=ROLES[role], parts=parts or [stream_pb2.MessagePart(text="")])


def _tool_result(message: CompletionTurn) -> stream_pb2.Message:
    if message.tool_call_id is None:
        raise Refusal("missing_field", "`tool_call_id` is missing")
    text = "".join(part.text for part in _parts(message.content))
    result = event_pb2.ToolResult(tool_call_id=message.tool_call_id, content=text)
    return stream_pb2.Message(
        role=ROLES["tool"], parts=[stream_pb2.MessagePart(tool_result=result)]
    )


def _parts(content: str | list[Part] | None) -> list[stream_pb2.MessagePart]:
    if content is None:
        return []
    if isinstance(content, str):
        return [stream_pb2.MessagePart(text=content)]
    return [_part(part) for part in content]


def _part(part: Part) -> stream_pb2.MessagePart:
    match part:
        case TextPart(text):
            return stream_pb2.MessagePart(text=text)
        case RefusalPart(refusal):
            return stream_pb2.MessagePart(text=refusal)
        case ImagePart(image):
            return stream_pb2.MessagePart(image=media_of(image.url))
        case AudioPart(audio):
            media_type = f"audio/{audio.format}"
            media = stream_pb2.Media(data=base64_of(audio.data), media_type=media_type)
            return stream_pb2.MessagePart(file=media)
        case FilePart(file):
            if file.file_data is None:
                raise Refusal("missing_field", "`file.file_data` is missing: files are not kept")
            return media_part(file.file_data)
