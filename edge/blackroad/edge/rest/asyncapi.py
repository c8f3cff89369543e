"""The AsyncAPI document, made from the structs that read and write the frames."""

from functools import cache
from typing import Final, get_args


from blackroad.edge.chat.frames import SocketChunk, SocketDone, SocketError
from blackroad.edge.chat.models import SocketRequest
from blackroad.edge.frames.answer import AnswerFrame
from blackroad.edge.frames.client import ClientFrame
from blackroad.edge.frames.event import EventFrame
from blackroad.edge.frames.schemas import schema_components
from blackroad.edge.frames.server import ServerFrame
from blackroad.edge.version import VERSION

CLIENT: Final[tuple[type, ...]] = get_args(ClientFrame)
SERVER: Final[tuple[type, ...]] = (*get_args(ServerFrame), EventFrame, AnswerFrame)
CHAT_CLIENT: Final[tuple[type, ...]] = (SocketRequest,)
CHAT_SERVER: Final[tuple[type, ...]] = (SocketChunk, SocketDone, SocketError)


@cache
def asyncapi() -> dict[str, object]:
    """Return the document."""
    doors = {
        "events": ("/ws/{client_id}", CLIENT, SERVER),
        "chat": ("/v1/chat/ws", CHAT_CLIENT, CHAT_SERVER),
    }
    channels: dict[str, object] = {}
    operations: dict[str, object] = {}
    kinds: list[type] = []
    for name, (address, received, sent) in doors.items():
        kinds += [*received, *sent]
        messages = {_key(name, kind): _message(kind) for kind in (*received, *sent)}
        channels[name] = {"address": address, "messages": messages, **_parameters(address)}
        operations[f"{name}_receive"] = _operation("receive", name, received)
        operations[f"{name}_send"] = _operation("send", name, sent)
    _, schemas = schema_components(kinds)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "BlackRoad Realtime", "version": VERSION},
        "channels": channels,
        "operations": operations,
        "components": {"schemas": dict(schemas)},
    }


def _key(channel: str, kind: type) -> str:
    return f"{channel}_{kind.__name__}"


def _message(kind: type) -> dict[str, object]:
    return {
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }


def _parameters(address: str) -> dict[str, object]:
    return {"parameters": {"client_id": {}}} if "{client_id}" in address else {}


def _operation(action: str, channel: str, kinds: tuple[type, ...]) -> dict[str, object]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [
            {"$ref": f"#/channels/{channel}/messages/{_key(channel, kind)}"} for kind in kinds
        ],
    }
