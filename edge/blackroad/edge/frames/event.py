"""An event as JSON: whole, as on the WebSocket, or its content only, as on SSE."""

from base64 import b64encode
from typing import Final, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from blackroad.edge.frames import words
from blackroad.edge.frames.answer import answer_frame
from blackroad.edge.frames.times import rfc3339
from blackroad.edge.frames.values import ENCODER
from blackroad.realtime.v1 import event_pb2

FLAT_PREFIXES: Final = ("room.", "channel.")


class EventFrame(Struct, omit_defaults=True, rename={"sender": "from"}):
    """An event as the WebSocket shows it."""

    type: str
    room: str
    content: str | Raw | UnsetType = UNSET
    data: str | UnsetType = UNSET
    sender: str = ""
    from_kind: str = ""
    from_session: str = ""
    timestamp: str = ""
    event_id: str = ""
    offset: int | UnsetType = UNSET
    content_type: str = ""
    headers: dict[str, str] | UnsetType = UNSET
    correlation_id: str = ""
    traceparent: str = ""
    schema: str = ""
    expires_at: str = ""
    cursor: str = ""
    subscription: str = ""


def event_json(event: event_pb2.Event, request_id: str = "", subscription: str = "") -> bytes:
    """Return the whole event as JSON.

    An update of an answer becomes an `agent.response`, where `request_id` (the caller's own id) is
    shown; who comes and goes is flat. `subscription` is shown while it catches up.
    """
    if event.HasField("answer"):
        return ENCODER.encode(answer_frame(event, request_id, subscription))
    if event.type.startswith(FLAT_PREFIXES):
        return _flat(event, subscription)
    return ENCODER.encode(event_frame(event, subscription))


def event_frame(event: event_pb2.Event, subscription: str = "") -> EventFrame:
    """Return the event as a struct to be encoded, as pages of history need it."""
    frame = EventFrame(
        type=event.type,
        room=event.channel,
        sender=event.sender,
        from_kind=words.KINDS.get(event.sender_kind, ""),
        from_session=event.sender_session,
        timestamp=rfc3339(event.create_time),
        event_id=event.id,
        offset=event.offset,
        content_type=event.content_type,
        headers=_headers(event),
        correlation_id=event.correlation_id,
        traceparent=event.traceparent,
        schema=event.schema,
        expires_at=rfc3339(event.expire_time) if event.HasField("expire_time") else "",
        cursor=event.cursor,
        subscription=subscription,
    )
    _put_body(frame, event)
    return frame


def _headers(event: event_pb2.Event) -> dict[str, str] | UnsetType:
    """Return the headers, but for the server's own note of whose a conversation is."""
    shown = dict(event.headers) if event.headers else {}
    if event.channel.startswith("conversation."):
        shown.pop("owner", None)
    return shown or UNSET


def _put_body(frame: EventFrame, event: event_pb2.Event) -> None:
    match event.WhichOneof("body"):
        case "text":
            frame.content = event.text
        case "json":
            frame.content = Raw(event.json.encode())
        case "data":
            frame.data = b64encode(event.data).decode()
        case "answer" | None:
            pass


def content_json(event: event_pb2.Event, request_id: str = "") -> bytes:
    """Return the event's content alone as JSON on one line: what `data:` of SSE holds.

    Bytes are `{"data": <base64>}`; an update of an answer is its whole `agent.response`.
    """
    match event.WhichOneof("body"):
        case "text":
            return ENCODER.encode(event.text)
        case "json":
            return one_line(event.json.encode())
        case "data":
            return ENCODER.encode({"data": b64encode(event.data).decode()})
        case "answer":
            return ENCODER.encode(answer_frame(event, request_id))
        case None:
            return b"null"


def one_line(document: bytes) -> bytes:
    """Return JSON without line ends, which stand between its tokens only and mean nothing."""
    return document.replace(b"\r", b" ").replace(b"\n", b" ")


def _flat(event: event_pb2.Event, subscription: str) -> bytes:
    body: object = msgspec.json.decode(event.json or "{}")
    fields = cast("dict[str, object]", body) if isinstance(body, dict) else {}
    # What a companion says names its channel itself; what a channel says of itself does not.
    named = {"channel_id": event.channel} if event.type.startswith("channel.") else {}
    frame = {
        "type": event.type,
        **named,
        **fields,
        "timestamp": rfc3339(event.create_time),
        "event_id": event.id,
        "offset": event.offset,
        "cursor": event.cursor,
    }
    if subscription:
        frame["subscription"] = subscription
    return ENCODER.encode(frame)
