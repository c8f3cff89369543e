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
    kinds = [kind for _, received, sent in doors.values() for kind in (*received, *sent)]
    references, schemas = schema_components(kinds)
    payloads = dict(zip(kinds, references, strict=True))
    channels: dict[str, object] = {}
    operations: dict[str, object] = {}
    for name, (address, received, sent) in doors.items():
        messages = {
            _key(name, kind): {"summary": _summary(kind), "payload": payloads[kind]}
            for kind in (*received, *sent)
        }
        channels[name] = {"address": address, "messages": messages, **_parameters(address)}
        operations[f"{name}_receive"] = _operation("receive", name, received)
        operations[f"{name}_send"] = _operation("send", name, sent)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "BlackRoad Realtime", "version": VERSION},
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas},
    }


def _key(channel: str, kind: type) -> str:
    module = kind.__module__.rpartition(".")[2]
    return f"{channel}_{module}_{kind.__name__.rstrip('_')}"


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


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
