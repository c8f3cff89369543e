"""What a client wants to say, checked and made an event of the log."""

from typing import Final

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.ids import event_id
from blackroad.core.json_text import check_json
from blackroad.core.log.record import Record
from blackroad.core.names import OWNER_HEADER, check_type
from blackroad.realtime.v1 import event_pb2

MAX_EVENT_BYTES: Final = 64 << 10
MAX_HEADERS: Final = 16
MAX_HEADER_BYTES: Final = 4 << 10
MAX_LABEL_BYTES: Final = 128
LABELS: Final = ("content_type", "traceparent", "correlation_id", "schema")
MAX_TTL_SECONDS: Final = 30 * 86400


def record_of(
    draft: event_pb2.Draft, name: str, identity: Identity, session_id: str, clock: Clock
) -> Record:
    """Return a draft as the event of a channel that somebody publishes in a session.

    Raises `Rejection`: MISSING_FIELD, INVALID_NAME, RESERVED_TYPE, BAD_FRAME, TOO_LARGE.
    """
    identifier, event_type = event_id(), check_type(draft.type or "message")
    event = event_pb2.Event()  # to set fields costs half of what keywords do
    event.id, event.channel, event.type = identifier, name, event_type
    event.sender, event.sender_kind = identity.subject, identity.kind.wire
    event.sender_session = session_id
    for label in LABELS:
        if value := getattr(draft, label):
            setattr(event, label, check_label(value, label))
    match draft.WhichOneof("body"):
        case "text":
            event.text = draft.text
        case "json":
            event.json = check_json(draft.json)
        case "data":
            event.data = draft.data
        case _:
            raise Rejection(Code.MISSING_FIELD, "an event needs text, json or data", channel=name)
    if draft.headers:
        _check_headers(name, draft)
        event.headers.update(draft.headers)
    body = event.SerializeToString()
    # What is small with everything around it needs no closer look.
    if len(body) > MAX_EVENT_BYTES and _body_size(draft) > MAX_EVENT_BYTES:
        raise Rejection(Code.TOO_LARGE, "an event's body is at most 64 KiB", channel=name)
    if not draft.HasField("ttl"):
        return Record(identifier, event_type, body)
    expires_ns = _expires_ns(draft, clock)
    event.expire_time.FromNanoseconds(expires_ns)
    return Record(identifier, event_type, event.SerializeToString(), expires_ns)


def _expires_ns(draft: event_pb2.Draft, clock: Clock) -> int:
    """Return the Unix nanoseconds at which an event expires; BAD_FRAME."""
    seconds = draft.ttl.seconds + draft.ttl.nanos / 1e9
    if not 0 < seconds <= MAX_TTL_SECONDS:
        raise Rejection(Code.BAD_FRAME, "a ttl is more than zero and at most 30 days")
    return clock.time_ns() + int(seconds * 1e9)


def _body_size(draft: event_pb2.Draft) -> int:
    return max(len(draft.text.encode()), len(draft.json.encode()), len(draft.data))


def _check_headers(name: str, draft: event_pb2.Draft) -> None:
    if OWNER_HEADER in draft.headers and name.startswith("conversation."):
        raise Rejection(
            Code.BAD_FRAME, f"only the server writes the header {OWNER_HEADER} here", channel=name
        )
    size = sum(len(name.encode()) + len(value.encode()) for name, value in draft.headers.items())
    if len(draft.headers) > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise Rejection(Code.TOO_LARGE, "at most 16 headers and 4 KiB of them")


def check_label(value: str, field: str) -> str:
    """Return what a field of a word or so says, or raise TOO_LARGE."""
    if value and len(value.encode()) > MAX_LABEL_BYTES:
        raise Rejection(Code.TOO_LARGE, f"{field} is at most {MAX_LABEL_BYTES} bytes")
    return value
