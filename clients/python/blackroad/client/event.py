"""An event as a subscriber receives it, and the body that a publisher gives."""

import json
from datetime import UTC, datetime
from typing import Final

import orjson
from typing_extensions import override

from blackroad.client.parts import Part
from blackroad.client.updates import read_update
from blackroad.realtime.v1 import common_pb2, event_pb2

JSONValue = str | int | float | bool | list["JSONValue"] | dict[str, "JSONValue"] | None

_KINDS: Final = {
    common_pb2.ENTITY_KIND_AGENT: "agent",
    common_pb2.ENTITY_KIND_USER: "user",
    common_pb2.ENTITY_KIND_SERVICE: "service",
    common_pb2.ENTITY_KIND_GATEWAY: "gateway",
}
KIND_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}


class Event:
    """One immutable event of a channel: a view of the wire message, read when it is asked for."""

    __slots__ = ("message",)

    def __init__(self, message: event_pb2.Event) -> None:
        self.message = message

    @property
    def event_id(self) -> str:
        """The same at every door."""
        return self.message.id

    @property
    def channel(self) -> str:
        """The channel's name, also under a pattern."""
        return self.message.channel

    @property
    def type(self) -> str:
        """`message`, `task.progress` and so on."""
        return self.message.type

    @property
    def sender(self) -> str:
        """The subject that published it."""
        return self.message.sender

    @property
    def sender_kind(self) -> str:
        """`agent`, `user`, `service`, or empty."""
        return _KINDS.get(self.message.sender_kind, "")

    @property
    def offset(self) -> int:
        """The event's number in its channel."""
        return self.message.offset

    @property
    def cursor(self) -> str:
        """Resumes after this event, at any door of any node."""
        return self.message.cursor

    @property
    def create_time(self) -> datetime:
        """When the log took it, in UTC."""
        return self.message.create_time.ToDatetime(UTC)

    @property
    def headers(self) -> dict[str, str]:
        """What the publisher put beside the body."""
        return dict(self.message.headers)

    @property
    def correlation_id(self) -> str:
        """What the event answers, or empty."""
        return self.message.correlation_id

    @property
    def text(self) -> str:
        """The body as text: a text as it is, JSON as its text; empty for bytes and answers."""
        return self.message.json if self.message.WhichOneof("body") == "json" else self.message.text

    @property
    def data(self) -> bytes:
        """The body's bytes; empty for other bodies."""
        return self.message.data

    @property
    def content(self) -> JSONValue | bytes:
        """The body: a text, the value that its JSON says, or bytes. None for an answer's update."""
        match self.message.WhichOneof("body"):
            case "text":
                return self.message.text
            case "json":
                value: JSONValue = orjson.loads(self.message.json)
                return value
            case "data":
                return self.message.data
            case _:
                return None

    @property
    def part(self) -> Part | None:
        """The part of an answer that it is, on channels `stream.<id>`. A failure is None."""
        if self.message.WhichOneof("body") != "answer":
            return None
        part = read_update(self.message.answer)
        return None if isinstance(part, Exception) else part

    @override
    def __repr__(self) -> str:
        return f"Event({self.channel!r}, {self.type!r}, offset={self.offset}, {self.content!r})"


def kind_word(kind: common_pb2.EntityKind.ValueType) -> str:
    """Return the word for a kind of entity, or an empty text."""
    return _KINDS.get(kind, "")


def to_json(value: JSONValue) -> str:
    """Return a value as JSON text. Raises TypeError or ValueError for what JSON cannot say."""
    if isinstance(value, float | dict | list):
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return orjson.dumps(value).decode()
