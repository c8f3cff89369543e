"""What a chat asks for, at both of its doors."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct, field

from blackroad.edge.errors import Refusal
from blackroad.edge.frames.client import Identifier, Options, explain
from blackroad.edge.frames.invoke import ABANDONED, options_of, put_input, target_of
from blackroad.edge.frames.scan import scan
from blackroad.edge.frames.times import duration_of
from blackroad.realtime.v1 import stream_pb2


class ChatRequest(Struct, kw_only=True):
    """A prompt, or messages, for a model or an agent."""

    prompt: str | None = None
    messages: Raw = field(default_factory=Raw)
    input: Raw = field(default_factory=Raw)
    model: str | None = None
    agent: str | None = None
    capability: str | None = None
    conversation: str | None = None
    deadline_seconds: Annotated[float, Meta(gt=0, le=86400)] | None = None
    on_abandoned: str | None = None
    abandoned_after_seconds: Annotated[float, Meta(ge=0, le=86400)] | None = None
    options: Options | None = None


class SocketRequest(ChatRequest, kw_only=True):
    """A frame of the chat WebSocket: a prompt, `cancel`, `input` or `ping`."""

    type: str | None = None
    id: Identifier | None = None
    stream_id: str | None = None
    content: Raw = field(default_factory=Raw)


# The alias under which the model adapters serve whatever the settings name as the default.
DEFAULT_MODEL: Final = "default"

_CHAT: Final = msgspec.json.Decoder(ChatRequest)
_SOCKET: Final = msgspec.json.Decoder(SocketRequest)


def decode_chat(body: bytes, max_bytes: int, max_depth: int) -> ChatRequest:
    """Read the body of a chat request; Refusal where it is not one."""
    scan(body, max_bytes, max_depth)
    try:
        return _CHAT.decode(body)
    except msgspec.ValidationError as error:
        raise explain(error) from None


def decode_socket(payload: bytes, max_bytes: int, max_depth: int) -> SocketRequest:
    """Read a frame of the chat WebSocket; Refusal where it is not one."""
    scan(payload, max_bytes, max_depth)
    try:
        return _SOCKET.decode(payload)
    except msgspec.ValidationError as error:
        raise explain(error) from None


def chat_invoke(chat: ChatRequest, default_model: str = DEFAULT_MODEL) -> stream_pb2.Invoke:
    """Return what to ask of the core."""
    if chat.on_abandoned not in ABANDONED:
        raise Refusal("bad_frame", "`on_abandoned` is `continue` or `cancel`")
    named = chat.agent or chat.capability or chat.model
    invoke = stream_pb2.Invoke(
        target=target_of(
            chat.agent, chat.capability, chat.model or (None if named else default_model)
        ),
        conversation=chat.conversation or "",
        on_abandoned=ABANDONED[chat.on_abandoned],
    )
    put_input(invoke, _input(chat))
    if chat.abandoned_after_seconds is not None:
        invoke.abandoned_after.CopyFrom(duration_of(chat.abandoned_after_seconds))
    if chat.deadline_seconds is not None:
        invoke.deadline.CopyFrom(duration_of(chat.deadline_seconds))
    if chat.options is not None:
        invoke.options.CopyFrom(options_of(chat.options))
    return invoke


def input_answer(stream_id: str, content: bytes) -> stream_pb2.InputAnswer:
    """Return what gives a waiting answer its input; Refusal where there is none."""
    if not content:
        raise Refusal("missing_field", "`content` is missing")
    return stream_pb2.InputAnswer(stream_id=stream_id, json=content.decode())


def _input(chat: ChatRequest) -> bytes:
    prompt = b"" if chat.prompt is None else msgspec.json.encode(chat.prompt)
    given = [document for document in (prompt, bytes(chat.messages), bytes(chat.input)) if document]
    if not given:
        raise Refusal("missing_field", "`prompt` or `messages` is missing")
    if len(given) > 1:
        raise Refusal("bad_frame", "give `prompt` or `messages`, not both")
    return given[0]
