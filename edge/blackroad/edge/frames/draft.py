"""From what a client publishes to a Draft of the contract."""

from base64 import b64decode
from binascii import Error as Base64Error

import msgspec
from msgspec import Raw

from blackroad.edge.errors import Refusal
from blackroad.edge.frames.client import Message, Publish
from blackroad.realtime.v1 import channel_pb2, event_pb2


def publish_request(frame: Message) -> channel_pb2.PublishRequest:
    """Return what to ask of the core; Refusal where room or content is missing or wrong."""
    draft = draft_of(
        frame.event if isinstance(frame, Publish) else None,
        content=bytes(frame.content),
        data=frame.data,
        headers=frame.headers,
        correlation_id=frame.correlation_id or "",
    )
    return channel_pb2.PublishRequest(
        channel=frame.name, events=[draft], idempotency_key=frame.idempotency_key or ""
    )


def draft_of(
    event_type: str | None,
    *,
    content: bytes = b"",
    data: str | None = None,
    headers: dict[str, str] | None = None,
    correlation_id: str = "",
) -> event_pb2.Draft:
    """Return a draft of `content` (one JSON value) or `data` (base64): one of the two.

    Without a type it is a `message`; an empty one is `invalid_name`.
    """
    if event_type == "":
        raise Refusal("invalid_name", "an event's type is not empty")
    draft = event_pb2.Draft(type=event_type or "", headers=headers, correlation_id=correlation_id)
    if data is not None:
        if content:
            raise Refusal("bad_frame", "give `content` or `data`, not both")
        draft.data = decode_base64(data)
    elif not content:
        raise Refusal("missing_field", "`content` is missing")
    elif content.startswith(b'"'):
        draft.text = string_of(content)
    else:
        draft.json = content.decode()
    return draft


def string_of(content: bytes | Raw) -> str:
    """Return the JSON string that `content` is."""
    return msgspec.json.decode(content, type=str)


def decode_base64(data: str) -> bytes:
    """Return the bytes; Refusal `bad_frame` where it is not base64."""
    try:
        return b64decode(data, validate=True)
    except (Base64Error, ValueError):
        raise Refusal("bad_frame", "`data` is not base64") from None
