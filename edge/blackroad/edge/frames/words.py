"""The words that the browser protocol has for the contract's enums, both ways."""

from typing import Annotated, Final

from msgspec import Meta

from blackroad.edge.errors import MEANINGS
from blackroad.realtime.v1 import admin_pb2, channel_pb2, common_pb2, event_pb2, presence_pb2

KINDS: Final = {
    common_pb2.ENTITY_KIND_AGENT: "agent",
    common_pb2.ENTITY_KIND_USER: "user",
    common_pb2.ENTITY_KIND_SERVICE: "service",
    common_pb2.ENTITY_KIND_GATEWAY: "gateway",
}
KIND_VALUES: Final = {word: value for value, word in KINDS.items()}

STATUSES: Final = {
    presence_pb2.PRESENCE_STATUS_ONLINE: "online",
    presence_pb2.PRESENCE_STATUS_AWAY: "away",
    presence_pb2.PRESENCE_STATUS_BUSY: "busy",
    presence_pb2.PRESENCE_STATUS_OFFLINE: "offline",
}
STATUS_VALUES: Final = {word: value for value, word in STATUSES.items()}

GAPS: Final = {
    event_pb2.GAP_REASON_EXPIRED: "expired",
    event_pb2.GAP_REASON_EPOCH_CHANGED: "epoch_changed",
    event_pb2.GAP_REASON_NOT_KEPT: "not_kept",
}

FINISHES: Final = {
    event_pb2.FINISH_REASON_STOP: "stop",
    event_pb2.FINISH_REASON_LENGTH: "length",
    event_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}

ANSWER_STATES: Final = {
    event_pb2.ANSWER_STATE_QUEUED: "queued",
    event_pb2.ANSWER_STATE_RUNNING: "running",
    event_pb2.ANSWER_STATE_WAITING: "waiting",
    event_pb2.ANSWER_STATE_FINISHED: "finished",
    event_pb2.ANSWER_STATE_FAILED: "failed",
    event_pb2.ANSWER_STATE_CANCELLED: "cancelled",
}
ANSWER_STATE_VALUES: Final = {word: value for value, word in ANSWER_STATES.items()}

ACCESSES: Final = {
    channel_pb2.CHANNEL_ACCESS_PUBLIC: "public",
    channel_pb2.CHANNEL_ACCESS_PRIVATE: "private",
}
ACCESS_VALUES: Final = {word: value for value, word in ACCESSES.items()}

PUBLISHERS: Final = {
    channel_pb2.CHANNEL_PUBLISHERS_ANYONE: "anyone",
    channel_pb2.CHANNEL_PUBLISHERS_SERVICES: "services",
    channel_pb2.CHANNEL_PUBLISHERS_OWNER: "owner",
    channel_pb2.CHANNEL_PUBLISHERS_SERVER: "server",
}
PUBLISHER_VALUES: Final = {word: value for value, word in PUBLISHERS.items()}

DOORS: Final = {
    admin_pb2.DOOR_GRPC: "grpc",
    admin_pb2.DOOR_WEBSOCKET: "websocket",
    admin_pb2.DOOR_SSE: "sse",
    admin_pb2.DOOR_HTTP: "http",
}
DOOR_VALUES: Final = {word: value for value, word in DOORS.items()}


def kind_of(word: str | None) -> common_pb2.EntityKind.ValueType:
    """Return the kind that a checked word names; none: unspecified."""
    return KIND_VALUES.get(word or "", common_pb2.ENTITY_KIND_UNSPECIFIED)


def status_of(word: str | None) -> presence_pb2.PresenceStatus.ValueType:
    """Return the status that a checked word names; none: unspecified."""
    return STATUS_VALUES.get(word or "", presence_pb2.PRESENCE_STATUS_UNSPECIFIED)


# Strings of which only some occur, as documents show them; nothing is checked by these.
Code = Annotated[str, Meta(extra_json_schema={"enum": list(MEANINGS)})]
GapReason = Annotated[str, Meta(extra_json_schema={"enum": list(GAPS.values())})]
FinishReason = Annotated[str, Meta(extra_json_schema={"enum": list(FINISHES.values())})]
AnswerState = Annotated[str, Meta(extra_json_schema={"enum": list(ANSWER_STATE_VALUES)})]
AnswerStatus = Annotated[
    str,
    Meta(
        extra_json_schema={
            "enum": [
                "queued",
                "started",
                "snapshot",
                "streaming",
                "thinking",
                "progress",
                "tool_call",
                "tool_result",
                "input_required",
                "input",
                "usage",
                "finished",
                "failed",
                "cancelled",
                "unknown",  # of a newer core
            ]
        }
    ),
]
