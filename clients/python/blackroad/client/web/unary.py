"""Unary calls of the contract by the HTTP routes of an edge."""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec
from google.protobuf.message import Message
from msgspec import Raw, Struct, field

from blackroad.client.errors import Rejected
from blackroad.client.event import KIND_NUMBERS, kind_word
from blackroad.client.presence import STATUS_NUMBERS
from blackroad.client.web.events import event_of, time_of
from blackroad.client.web.told import Told, as_json
from blackroad.realtime.v1 import channel_pb2, presence_pb2


class _Events(Struct):
    items: list[Raw]
    more: bool = False


class _Session(Struct):
    session_id: str
    status: str = ""
    metadata: Raw = field(default_factory=Raw)
    capabilities: list[str] = []
    max_concurrency: int = 0
    active: int = 0
    node: str = ""


class _Entity(Struct):
    entity_id: str
    entity_type: str
    status: str
    last_seen: str = ""
    metadata: Raw = field(default_factory=Raw)
    sessions: list[_Session] = []


class _Entities(Struct):
    items: list[_Entity]
    next_page_token: str = ""


class Route(Struct):
    """Where a call is answered, and how its answer is read."""

    path: str
    query: dict[str, str]
    read: Callable[[bytes], Message]


def route_of(name: str, request: Message) -> Route:
    """Return the route of a call. Raises Rejected (`unimplemented`) where there is none."""
    match request:
        case channel_pb2.ListEventsRequest():
            return _list_events(request)
        case presence_pb2.ListPresenceRequest():
            return _list_presence(request)
        case presence_pb2.GetPresenceRequest():
            entity_id = quote(request.entity_id, safe="")
            path = f"/v1/presence/{kind_word(request.entity_type)}/{entity_id}"
            return Route(path, {}, _read_entity)
        case _:
            text = f"{name} is not asked over http://; it needs grpc:// or grpcs://"
            raise Rejected("unimplemented", text)


def _list_events(request: channel_pb2.ListEventsRequest) -> Route:
    query = {"limit": str(request.limit)} if request.limit else {}
    match request.WhichOneof("bound"):
        case "before":
            query["before"] = str(request.before)
        case "after":
            query["after"] = str(request.after)
        case None:
            pass
    return Route(f"/v1/channels/{quote(request.channel, safe='')}/events", query, _read_events)


def _read_events(document: bytes) -> Message:
    page = msgspec.json.decode(document, type=_Events)
    events = [event_of(msgspec.json.decode(item, type=Told), bytes(item)) for item in page.items]
    return channel_pb2.ListEventsResponse(events=events, more=page.more)


_STATUS_WORDS: Final = {number: word for word, number in STATUS_NUMBERS.items()}
_STATUSES: Final[dict[str, presence_pb2.PresenceStatus.ValueType]] = {
    word: number for number, word in _STATUS_WORDS.items()
}


def _list_presence(request: presence_pb2.ListPresenceRequest) -> Route:
    query = {
        "entity_type": kind_word(request.entity_type),
        "status": _STATUS_WORDS.get(request.status, ""),
        "channel": request.channel,
        "page_size": str(request.page_size) if request.page_size else "",
        "page_token": request.page_token,
    }
    given = {name: value for name, value in query.items() if value}
    return Route("/v1/presence", given, _read_entities)


def _read_entities(document: bytes) -> Message:
    page = msgspec.json.decode(document, type=_Entities)
    return presence_pb2.ListPresenceResponse(
        entities=[_presence_of(each) for each in page.items], next_page_token=page.next_page_token
    )


def _read_entity(document: bytes) -> Message:
    entity = msgspec.json.decode(document, type=_Entity)
    return presence_pb2.GetPresenceResponse(presence=_presence_of(entity))


def _presence_of(entity: _Entity) -> presence_pb2.Presence:
    found = presence_pb2.Presence(
        entity_id=entity.entity_id,
        entity_type=KIND_NUMBERS[entity.entity_type],
        status=_status_of(entity.status),
        metadata_json=as_json(entity.metadata),
        sessions=[_session_of(each) for each in entity.sessions],
    )
    if entity.last_seen:
        found.last_seen_time.CopyFrom(time_of(entity.last_seen))
    return found


def _session_of(session: _Session) -> presence_pb2.PresenceSession:
    return presence_pb2.PresenceSession(
        session_id=session.session_id,
        status=_status_of(session.status),
        metadata_json=as_json(session.metadata),
        capabilities=session.capabilities,
        max_concurrency=session.max_concurrency,
        active=session.active,
        node=session.node,
    )


def _status_of(word: str) -> presence_pb2.PresenceStatus.ValueType:
    return _STATUSES.get(word, presence_pb2.PRESENCE_STATUS_UNSPECIFIED)
