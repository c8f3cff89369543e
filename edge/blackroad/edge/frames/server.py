"""What the server says on the WebSocket besides events: one struct for each frame."""

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType

from blackroad.edge.errors import Refusal, code_of
from blackroad.edge.frames import words
from blackroad.edge.frames.times import rfc3339, seconds_of
from blackroad.edge.frames.values import ENCODER, Entity, Policy, policy_of
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2

PROTOCOL_VERSION = 1


class Limits(Struct, omit_defaults=True):
    """The sizes that the server enforces."""

    max_event_bytes: int
    max_input_bytes: int
    max_frame_bytes: int
    max_subscriptions: int
    max_metadata_bytes: int


class Welcome(Struct, tag_field="type", tag="welcome"):
    """Always first."""

    client_id: str
    session_id: str
    node: str
    version: str
    ping_interval_seconds: float
    limits: Limits
    protocol: int = PROTOCOL_VERSION
    expires_at: str | None = None


class Subscribed(Struct, tag_field="type", tag="subscribed", omit_defaults=True):
    """A subscription stands."""

    room: str
    cursor: str
    id: str | None = None
    policy: Policy | UnsetType = UNSET
    recovered: bool | UnsetType = UNSET
    gap: words.GapReason | UnsetType = UNSET
    history_complete: bool | UnsetType = UNSET


class Unsubscribed(Struct, tag_field="type", tag="unsubscribed", omit_defaults=True):
    """A subscription has ended; `code` says why where the client did not ask for it."""

    room: str
    id: str | None = None
    code: words.Code | UnsetType = UNSET


class Published(Struct, tag_field="type", tag="published", omit_defaults=True):
    """An event is in the log."""

    id: str | UnsetType
    room: str
    event_id: str
    offset: int
    duplicate: bool


class History(Struct, tag_field="type", tag="history", omit_defaults=True):
    """A page of a room's past, by offset."""

    room: str
    events: Sequence[object]
    more: bool
    id: str | None = None


class Presence(Struct, tag_field="type", tag="presence", omit_defaults=True):
    """Who is here."""

    entities: list[Entity]
    id: str | None = None
    room: str | None = None


class Accepted(Struct, tag_field="type", tag="accepted", omit_defaults=True):
    """A request was taken."""

    id: str | None = None
    expires_at: str | UnsetType = UNSET


class Pong(Struct, tag_field="type", tag="pong", omit_defaults=True):
    """Answers `ping`."""

    id: str | None = None


class Gap(Struct, tag_field="type", tag="gap"):
    """Events are missing here."""

    room: str
    reason: words.GapReason
    cursor: str


class CaughtUp(Struct, tag_field="type", tag="caught_up"):
    """All that was missed has come."""

    room: str
    cursor: str


class Bookmark(Struct, tag_field="type", tag="bookmark"):
    """A cursor for every room that is live."""

    cursor: str


class Error(Struct, tag_field="type", tag="error", omit_defaults=True):
    """A request failed; the session lives."""

    code: words.Code
    message: str
    retryable: bool | UnsetType
    id: str | None = None
    room: str | UnsetType = UNSET
    retry_after_seconds: float | UnsetType = UNSET
    error: str | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET
    ids: list[str] | UnsetType = UNSET


class Closing(Struct, tag_field="type", tag="closing", omit_defaults=True):
    """The session is over; the close frame follows."""

    code: words.Code
    message: str
    retry_after_seconds: float | UnsetType = UNSET


ServerFrame = (
    Welcome
    | Subscribed
    | Unsubscribed
    | Published
    | History
    | Presence
    | Accepted
    | Pong
    | Gap
    | CaughtUp
    | Bookmark
    | Error
    | Closing
)


def encode(frame: Struct) -> bytes:
    """Return a frame as JSON."""
    return ENCODER.encode(frame)


def error_of(refusal: Refusal, request_id: str | None = None, room: str = "") -> Error:
    """Return the `error` frame; `rate_limited` carries the guide's two fields too."""
    seconds = refusal.retry_after_seconds
    limited = refusal.code == "rate_limited"
    return Error(
        code=refusal.code,
        message=refusal.message,
        retryable=refusal.retryable,
        id=request_id,
        room=refusal.channel or room or UNSET,
        retry_after_seconds=UNSET if seconds is None else seconds,
        error="rate_limited" if limited else UNSET,
        retry_after=UNSET if seconds is None or not limited else seconds,
    )


def closing_of(refusal: Refusal) -> Closing:
    """Return the `closing` frame of an ending."""
    seconds = refusal.retry_after_seconds
    return Closing(
        code=refusal.code,
        message=refusal.message,
        retry_after_seconds=UNSET if seconds is None else seconds,
    )


def limits_of(limits: common_pb2.Limits) -> Limits:
    """Return the core's limits."""
    return Limits(
        max_event_bytes=limits.max_event_bytes,
        max_input_bytes=limits.max_input_bytes,
        max_frame_bytes=limits.max_frame_bytes,
        max_subscriptions=limits.max_subscriptions,
        max_metadata_bytes=limits.max_metadata_bytes,
    )


def subscribed_of(subscribed: channel_pb2.Subscribed, request_id: str | None) -> Subscribed:
    """Return the `subscribed` frame."""
    complete = subscribed.HasField("history_complete")
    return Subscribed(
        room=subscribed.channel,
        cursor=subscribed.cursor,
        id=request_id,
        policy=policy_of(subscribed.policy) if subscribed.HasField("policy") else UNSET,
        recovered=subscribed.recovered if subscribed.HasField("recovered") else UNSET,
        gap=words.GAPS.get(subscribed.gap, UNSET),
        history_complete=subscribed.history_complete if complete else UNSET,
    )


def gap_of(gap: event_pb2.Gap) -> Gap:
    """Return the `gap` frame."""
    return Gap(room=gap.channel, reason=words.GAPS.get(gap.reason, "expired"), cursor=gap.cursor)


def unsubscribed_of(
    unsubscribed: channel_pb2.Unsubscribed, request_id: str | None = None
) -> Unsubscribed:
    """Return the `unsubscribed` frame."""
    code = code_of(unsubscribed.code) if unsubscribed.code else UNSET
    return Unsubscribed(room=unsubscribed.channel, id=request_id, code=code)


def accepted_of(accepted: common_pb2.Accepted, request_id: str | None) -> Accepted:
    """Return the `accepted` frame."""
    expires = accepted.HasField("expire_time")
    return Accepted(id=request_id, expires_at=rfc3339(accepted.expire_time) if expires else UNSET)


def retry_after_of(closing: common_pb2.Closing) -> float | None:
    """Return when a closed session may come back, where the core said so."""
    return seconds_of(closing.retry_after) if closing.HasField("retry_after") else None
