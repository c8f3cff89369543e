"""The input of an invocation: messages, their parts, and the limits and wishes beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

from blackroad.client.parts import Text, ToolCall, ToolResult
from blackroad.realtime.v1 import event_pb2, stream_pb2

Role = Literal["system", "user", "assistant", "tool"]

_ROLES: Final[dict[Role, stream_pb2.Role.ValueType]] = {
    "system": stream_pb2.ROLE_SYSTEM,
    "user": stream_pb2.ROLE_USER,
    "assistant": stream_pb2.ROLE_ASSISTANT,
    "tool": stream_pb2.ROLE_TOOL,
}
_ROLE_WORDS: Final[dict[stream_pb2.Role.ValueType, Role]] = {
    number: word for word, number in _ROLES.items()
}


@dataclass(frozen=True, slots=True)
class Media:
    """An image or a file: either its address or its bytes, with a media type."""

    kind: Literal["image", "file"]
    url: str = ""
    data: bytes = b""
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """Any JSON, as text."""

    json: str


MessagePart = Text | Media | ToolCall | ToolResult | Data


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of an input."""

    role: Role
    parts: tuple[MessagePart, ...]

    @classmethod
    def of(cls, role: Role, text: str) -> Self:
        """Return a turn of one text."""
        return cls(role, (Text(text),))

    @property
    def text(self) -> str:
        """The texts of the turn, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Options:
    """Limits and wishes; what is None or empty is the worker's choice. The JSON fields are text."""

    max_tokens: int | None = None
    max_time_seconds: float | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tools_json: str = ""
    tool_choice_json: str = ""
    response_format_json: str = ""


def read_message(message: stream_pb2.Message) -> Message:
    """Return the turn that a wire message is; parts newer than this SDK are left out."""
    parts = [part for each in message.parts if (part := _read_part(each)) is not None]
    return Message(_ROLE_WORDS.get(message.role, "user"), tuple(parts))


def _read_part(part: stream_pb2.MessagePart) -> MessagePart | None:
    match part.WhichOneof("part"):
        case "text":
            return Text(part.text)
        case "image":
            return _read_media("image", part.image)
        case "file":
            return _read_media("file", part.file)
        case "tool_call":
            call = part.tool_call
            return ToolCall(call.tool_call_id, call.name, call.arguments)
        case "tool_result":
            result = part.tool_result
            return ToolResult(result.tool_call_id, result.content, result.is_error)
        case "data_json":
            return Data(part.data_json)
        case None:
            return None


def _read_media(kind: Literal["image", "file"], media: stream_pb2.Media) -> Media:
    return Media(kind, media.url, media.data, media.media_type)


def write_message(message: Message) -> stream_pb2.Message:
    """Return the wire message that a turn is."""
    return stream_pb2.Message(
        role=_ROLES[message.role], parts=[_write_part(part) for part in message.parts]
    )


def _write_part(part: MessagePart) -> stream_pb2.MessagePart:
    match part:
        case Text(text):
            return stream_pb2.MessagePart(text=text)
        case Media(kind, url, data, media_type):
            media = stream_pb2.Media(media_type=media_type)
            if url:
                media.url = url
            else:
                media.data = data
            if kind == "image":
                return stream_pb2.MessagePart(image=media)
            return stream_pb2.MessagePart(file=media)
        case ToolCall():
            return stream_pb2.MessagePart(tool_call=write_tool_call(part))
        case ToolResult():
            return stream_pb2.MessagePart(tool_result=write_tool_result(part))
        case Data(json):
            return stream_pb2.MessagePart(data_json=json)


def write_tool_call(call: ToolCall) -> event_pb2.ToolCall:
    """Return the wire form of a tool call."""
    return event_pb2.ToolCall(
        tool_call_id=call.tool_call_id, name=call.name, arguments=call.arguments
    )


def write_tool_result(result: ToolResult) -> event_pb2.ToolResult:
    """Return the wire form of a tool's result."""
    return event_pb2.ToolResult(
        tool_call_id=result.tool_call_id, content=result.content, is_error=result.is_error
    )


def read_options(options: stream_pb2.InvokeOptions) -> Options:
    """Return the limits and wishes of a wire invocation."""
    max_time = options.max_time.ToTimedelta().total_seconds()
    return Options(
        max_tokens=options.max_tokens if options.HasField("max_tokens") else None,
        max_time_seconds=max_time if options.HasField("max_time") else None,
        temperature=options.temperature if options.HasField("temperature") else None,
        stop=tuple(options.stop),
        seed=options.seed if options.HasField("seed") else None,
        tools_json=options.tools_json,
        tool_choice_json=options.tool_choice_json,
        response_format_json=options.response_format_json,
    )


def write_options(options: Options) -> stream_pb2.InvokeOptions:
    """Return the wire form of limits and wishes."""
    wire = stream_pb2.InvokeOptions(
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        stop=options.stop,
        seed=options.seed,
        tools_json=options.tools_json,
        tool_choice_json=options.tool_choice_json,
        response_format_json=options.response_format_json,
    )
    if options.max_time_seconds is not None:
        wire.max_time.FromNanoseconds(int(options.max_time_seconds * 1e9))
    return wire


def write_prompt(invoke: stream_pb2.Invoke, prompt: str | Sequence[Message]) -> None:
    """Put a prompt, one user text or messages, into an invocation."""
    if isinstance(prompt, str):
        invoke.text = prompt
    else:
        invoke.messages.extend(map(write_message, prompt))
