"""The AsyncAPI document, made from the structs that read and write the frames."""

from functools import cache
from typing import Final, NamedTuple, cast, get_args

from msgspec import Struct

from blackroad.edge.chat.frames import SocketChunk, SocketDone, SocketError
from blackroad.edge.chat.models import SocketRequest
from blackroad.edge.frames.answer import AnswerFrame
from blackroad.edge.frames.client import ClientFrame
from blackroad.edge.frames.event import EventFrame
from blackroad.edge.frames.schemas import schema_components
from blackroad.edge.frames.server import Closing, Error, Gap, Pong, ServerFrame
from blackroad.edge.frames.told import ControlFrame, OccupancyFrame
from blackroad.edge.rest.glossary import explain
from blackroad.edge.sse.listener import Connected
from blackroad.edge.version import VERSION

Kinds = tuple[type[Struct], ...]


class Door(NamedTuple):
    """An address, what it takes and what it sends."""

    name: str
    address: str
    summary: str
    taken: Kinds
    sent: Kinds


DOORS: Final = (
    Door(
        "websocket",
        "/ws/{client_id}",
        "Frames of JSON, both ways. `welcome` is the first; every frame of yours is answered.",
        get_args(ClientFrame),
        (
            *get_args(ServerFrame),
            EventFrame,
            AnswerFrame,
            *get_args(OccupancyFrame),
            *get_args(ControlFrame),
        ),
    ),
    Door(
        "events",
        "/events/{client_id}",
        "Server-sent events. A message is what `data:` holds, its name what `event:` says. Of an "
        "event `data:` holds the content alone; with `full=true` all of it, as shown here, and "
        "with `unnamed=true` too, where there is no `event:`.",
        (),
        (Connected, EventFrame, AnswerFrame, *get_args(ControlFrame), Gap, Closing),
    ),
    Door(
        "chat",
        "/v1/chat/ws",
        "Several prompts at once, told apart by `id`.",
        (SocketRequest,),
        (SocketChunk, SocketDone, SocketError, Pong, Error, Closing),
    ),
)
# What has no tag of its own is known by these.
NAMES: Final[dict[type[Struct], str]] = {
    Connected: "connected",
    EventFrame: "event",
    SocketRequest: "prompt",
}
# Two messages of one door with one tag.
KEYS: Final[dict[tuple[str, type[Struct]], str]] = {("chat", Error): "rate_limited"}


@cache
def asyncapi() -> dict[str, object]:
    """Return the document."""
    kinds = list(dict.fromkeys(kind for door in DOORS for kind in (*door.taken, *door.sent)))
    references, schemas = schema_components(kinds)
    explain(schemas)
    payloads = dict(zip(kinds, references, strict=True))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "BlackRoad Realtime",
            "version": VERSION,
            "description": "What browsers say and hear. New fields and frames may come at any "
            "time: ignore what you do not know.",
        },
        "defaultContentType": "application/json",
        "channels": {door.name: _channel(door, payloads) for door in DOORS},
        "operations": {
            f"{door.name}_{action}": _operation(door, action, kinds)
            for door in DOORS
            for action, kinds in (("receive", door.taken), ("send", door.sent))
            if kinds
        },
        "components": {"schemas": schemas},
    }


def _channel(door: Door, payloads: dict[type[Struct], object]) -> dict[str, object]:
    messages = {
        _key(door, action, kind): {
            "name": name_of(kind),
            "summary": _summary(kind),
            "payload": payloads[kind],
        }
        for action, kinds in (("receive", door.taken), ("send", door.sent))
        for kind in kinds
    }
    client = {"client_id": {"description": "Who you are: with a token, its subject."}}
    parameters = {"parameters": client} if "{client_id}" in door.address else {}
    described = {"address": door.address, "description": door.summary}
    return {**described, **parameters, "messages": messages}


def _key(door: Door, action: str, kind: type[Struct]) -> str:
    """Return a message's key: whether the edge takes or sends it, and its name."""
    return f"{action}.{KEYS.get((door.name, kind), name_of(kind))}"


def name_of(kind: type[Struct]) -> str:
    """Return a message's name: the `type` that is in it, where it has one of its own."""
    tag = cast("str | None", kind.__struct_config__.tag)
    return tag or NAMES[kind]


def _summary(kind: type[Struct]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


def _operation(door: Door, action: str, kinds: Kinds) -> dict[str, object]:
    channel = f"#/channels/{door.name}"
    messages = [{"$ref": f"{channel}/messages/{_key(door, action, kind)}"} for kind in kinds]
    return {"action": action, "channel": {"$ref": channel}, "messages": messages}
