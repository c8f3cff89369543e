"""Turns of a conversation: as messages for agents, as events for everyone."""

from typing import Final

import msgspec

from blackroad.core.names import OWNER_HEADER
from blackroad.core.stream.beside import cut
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2

OWNER: Final = OWNER_HEADER
ROLES: Final = {
    stream_pb2.ROLE_SYSTEM: "system",
    stream_pb2.ROLE_USER: "user",
    stream_pb2.ROLE_ASSISTANT: "assistant",
    stream_pb2.ROLE_TOOL: "tool",
}
NUMBERS: Final = {word: number for number, word in ROLES.items()}
MAX_JSON_BYTES: Final = 60 << 10
TOKEN_BYTES: Final = 4
TURN_TOKENS: Final = 4
MEDIA_TOKENS: Final = 1500
Said = dict[str, object]
_JSON: Final = msgspec.json.Encoder()


class Turn(msgspec.Struct):
    """A turn that is more than text, as browsers see it.

    Its texts are what agents get of it again.
    """

    role: str = "user"
    parts: list[dict[str, object]] = []


def of_text(role: stream_pb2.Role.ValueType, text: str) -> stream_pb2.Message:
    """Return a turn that is a text."""
    return stream_pb2.Message(role=role, parts=[stream_pb2.MessagePart(text=text)])


def tokens_of(message: stream_pb2.Message) -> int:
    """Return about how many tokens a turn costs a model.

    A token for four bytes, 1,500 for an image or file, and four for the turn itself.
    """
    return TURN_TOKENS + sum(map(_tokens_of_part, message.parts))


def _tokens_of_part(part: stream_pb2.MessagePart) -> int:
    if part.HasField("image") or part.HasField("file"):
        return MEDIA_TOKENS
    return -(-part.ByteSize() // TOKEN_BYTES)


def write(message: stream_pb2.Message, event: event_pb2.Event) -> None:
    """Make a turn an event's body: a text where it is one, else JSON in the browser's words.

    What is too long is cut.
    """
    texts = [part.text for part in message.parts if part.HasField("text")]
    plain = len(texts) == len(message.parts) and message.role in (
        stream_pb2.ROLE_UNSPECIFIED,
        stream_pb2.ROLE_USER,
        stream_pb2.ROLE_ASSISTANT,
    )
    if not plain:
        role = ROLES.get(message.role, "user")
        said = _JSON.encode(Turn(role, [_part(part) for part in message.parts]))
        if len(said) <= MAX_JSON_BYTES:
            event.json = said.decode()
            return
    event.text = cut("\n".join(texts))


def of_event(event: event_pb2.Event) -> stream_pb2.Message | None:
    """Return the turn that an event of a conversation tells; None where it tells none."""
    if event.type != "message":
        return None
    match event.WhichOneof("body"):
        case "text":
            by_agent = event.sender_kind == common_pb2.ENTITY_KIND_AGENT
            return of_text(
                stream_pb2.ROLE_ASSISTANT if by_agent else stream_pb2.ROLE_USER, event.text
            )
        case "json":
            return _of_json(event.json)
        case _:
            return None


def _of_json(text: str) -> stream_pb2.Message | None:
    try:
        turn = msgspec.json.decode(text, type=Turn)
    except msgspec.MsgspecError:
        return None
    texts = [said for part in turn.parts if isinstance(said := part.get("text"), str)]
    if not texts:
        return None
    return of_text(NUMBERS.get(turn.role, stream_pb2.ROLE_USER), "\n".join(texts))


def _part(part: stream_pb2.MessagePart) -> Said:
    match part.WhichOneof("part"):
        case "text":
            return {"type": "text", "text": part.text}
        case "tool_call":
            call = part.tool_call
            return {
                "type": "tool_call",
                "tool_call_id": call.tool_call_id,
                "name": call.name,
                "arguments": call.arguments,
            }
        case "tool_result":
            result = part.tool_result
            return {
                "type": "tool_result",
                "tool_call_id": result.tool_call_id,
                "content": result.content,
                "is_error": result.is_error,
            }
        case "image":
            return _media("image", part.image)
        case "file":
            return _media("file", part.file)
        case "data_json":
            return {"type": "data", "data": msgspec.Raw(part.data_json.encode())}
        case None:
            return {"type": "text", "text": ""}


def _media(kind: str, media: stream_pb2.Media) -> Said:
    """Return an image or file by its address; its bytes are not kept in the log."""
    return {"type": kind, "url": media.url, "media_type": media.media_type}
