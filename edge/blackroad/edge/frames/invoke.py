"""From what a client asks of an agent or model to an Invoke of the contract."""

from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct, field

from blackroad.edge.errors import Refusal
from blackroad.edge.frames.client import AgentInvoke, Object, Options, explain
from blackroad.edge.frames.draft import decode_base64, string_of
from blackroad.edge.frames.times import duration_of
from blackroad.realtime.v1 import event_pb2, stream_pb2

ROLES: Final = {
    "system": stream_pb2.ROLE_SYSTEM,
    "user": stream_pb2.ROLE_USER,
    "assistant": stream_pb2.ROLE_ASSISTANT,
    "tool": stream_pb2.ROLE_TOOL,
}
ABANDONED: Final = {
    None: stream_pb2.ON_ABANDONED_UNSPECIFIED,
    "continue": stream_pb2.ON_ABANDONED_CONTINUE,
    "cancel": stream_pb2.ON_ABANDONED_CANCEL,
}


class Text(Struct, tag_field="type", tag="text"):
    """Text."""

    text: str


class Media(Struct, tag_field="type", kw_only=True):
    """Where something is, or what it is (base64 with its media type)."""

    url: str | None = None
    data: str | None = None
    media_type: str = ""


class Image(Media, tag="image"):
    """An image."""


class File(Media, tag="file"):
    """A file."""


class ToolCall(Struct, tag_field="type", tag="tool_call"):
    """A tool call that the assistant made."""

    tool_call_id: str
    name: str
    arguments: Raw = field(default_factory=Raw)


class ToolResult(Struct, tag_field="type", tag="tool_result"):
    """What a tool returned."""

    tool_call_id: str
    content: Raw
    is_error: bool = False


class Data(Struct, tag_field="type", tag="data"):
    """Any JSON."""

    data: Raw


Part = Text | Image | File | ToolCall | ToolResult | Data


class Turn(Struct):
    """One message of an input; `content` is short for one part of text."""

    role: Literal["system", "user", "assistant", "tool"] = "user"
    parts: list[Part] = []
    content: str | None = None


_TURNS: Final = msgspec.json.Decoder(list[Turn])


def invoke_of(frame: AgentInvoke) -> stream_pb2.Invoke:
    """Return what to ask of the core; Refusal where something is missing or wrong."""
    invoke = stream_pb2.Invoke(
        target=target_of(frame.agent, frame.capability, frame.model),
        conversation=frame.conversation or "",
        on_abandoned=ABANDONED[frame.on_abandoned],
    )
    put_input(invoke, bytes(frame.input))
    if frame.abandoned_after_seconds is not None:
        invoke.abandoned_after.CopyFrom(duration_of(frame.abandoned_after_seconds))
    if frame.deadline_seconds is not None:
        invoke.deadline.CopyFrom(duration_of(frame.deadline_seconds))
    if frame.options is not None:
        invoke.options.CopyFrom(options_of(frame.options))
    return invoke


def target_of(
    agent: str | None = None, capability: str | None = None, model: str | None = None
) -> stream_pb2.Target:
    """Return the one target that is given."""
    given = [name for name in (agent, capability, model) if name]
    if not given:
        raise Refusal("missing_field", "one of `agent`, `capability` and `model` is needed")
    if len(given) > 1:
        raise Refusal("bad_frame", "give only one of `agent`, `capability` and `model`")
    if agent:
        return stream_pb2.Target(agent=agent)
    if capability:
        return stream_pb2.Target(capability=capability)
    return stream_pb2.Target(model=model or "")


def put_input(invoke: stream_pb2.Invoke, document: bytes) -> None:
    """Put in a JSON string as text, a JSON list as messages."""
    if not document:
        raise Refusal("missing_field", "`input` is missing")
    if document.startswith(b'"'):
        invoke.text = string_of(document)
        if not invoke.text:
            raise Refusal("missing_field", "`input` is empty")
        return
    try:
        turns = _TURNS.decode(document)
    except msgspec.ValidationError as error:
        raise explain(error) from None
    if not turns:
        raise Refusal("missing_field", "`input` is empty")
    invoke.messages.extend(map(_message, turns))


def _message(turn: Turn) -> stream_pb2.Message:
    parts = [*map(_part, turn.parts)]
    if turn.content is not None:
        parts.append(stream_pb2.MessagePart(text=turn.content))
    if not parts:
        raise Refusal("missing_field", "a message needs `parts`")
    return stream_pb2.Message(role=ROLES[turn.role], parts=parts)


def _part(part: Part) -> stream_pb2.MessagePart:
    match part:
        case Text():
            return stream_pb2.MessagePart(text=part.text)
        case Image():
            return stream_pb2.MessagePart(image=_media(part))
        case File():
            return stream_pb2.MessagePart(file=_media(part))
        case ToolCall():
            call = event_pb2.ToolCall(
                tool_call_id=part.tool_call_id,
                name=part.name,
                arguments=bytes(part.arguments).decode() or "{}",
            )
            return stream_pb2.MessagePart(tool_call=call)
        case ToolResult():
            result = event_pb2.ToolResult(
                tool_call_id=part.tool_call_id,
                content=_text_of(bytes(part.content)),
                is_error=part.is_error,
            )
            return stream_pb2.MessagePart(tool_result=result)
        case Data():
            return stream_pb2.MessagePart(data_json=bytes(part.data).decode())


def _text_of(document: bytes) -> str:
    return string_of(document) if document.startswith(b'"') else document.decode()


def _media(media: Media) -> stream_pb2.Media:
    if media.url is not None and media.data is None:
        return stream_pb2.Media(url=media.url, media_type=media.media_type)
    if media.url is not None or media.data is None or not media.media_type:
        raise Refusal("missing_field", "an image or file has `url`, or `data` with `media_type`")
    return stream_pb2.Media(data=decode_base64(media.data), media_type=media.media_type)


def options_of(options: Options) -> stream_pb2.InvokeOptions:
    """Return the limits and wishes that are given."""
    stop = [options.stop] if isinstance(options.stop, str) else options.stop
    return stream_pb2.InvokeOptions(
        max_tokens=options.max_tokens,
        max_time=None if options.max_seconds is None else duration_of(options.max_seconds),
        temperature=options.temperature,
        stop=stop,
        seed=options.seed,
        tools_json=_json_of(options.tools),
        tool_choice_json=_json_of(options.tool_choice),
        response_format_json=_json_of(options.response_format),
    )


def _json_of(value: list[Object] | Object | str | None) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
