"""Which error a code of the protocol is, and how each kind of failure carries its code."""

from collections.abc import Iterator
from typing import Final

import grpc
from google.protobuf import any_pb2

# The wheel of google.rpc ships stubs, but no py.typed.
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]
    ErrorInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from blackroad.client.errors import (
    Conflict,
    Ended,
    Forbidden,
    InvalidRequest,
    NoAgent,
    NotFound,
    RateLimited,
    RealtimeError,
    Rejected,
    Unauthenticated,
    Unavailable,
    UnknownOutcome,
)
from blackroad.realtime.v1 import common_pb2

_PREFIX: Final = "ERROR_CODE_"
_WORDS: Final = {
    number: name.removeprefix(_PREFIX).lower()
    for name, number in common_pb2.ErrorCode.items()
    if number
}
_NUMBERS: Final = {word: number for number, word in _WORDS.items()}

_KINDS: Final[dict[str, type[RealtimeError]]] = {
    "bad_frame": InvalidRequest,
    "unknown_type": InvalidRequest,
    "missing_field": InvalidRequest,
    "invalid_name": InvalidRequest,
    "invalid_cursor": InvalidRequest,
    "reserved_type": InvalidRequest,
    "too_large": InvalidRequest,
    "unauthenticated": Unauthenticated,
    "token_expired": Unauthenticated,
    "forbidden": Forbidden,
    "not_member": Forbidden,
    "not_found": NotFound,
    "model_not_found": NotFound,
    "already_exists": Conflict,
    "conflict": Conflict,
    "conversation_busy": Conflict,
    "channel_full": RateLimited,
    "too_many_subscriptions": RateLimited,
    "rate_limited": RateLimited,
    "slow_consumer": Unavailable,
    "no_agent": NoAgent,
    "queue_full": NoAgent,
    "unavailable": Unavailable,
    "draining": Unavailable,
    "deadline_exceeded": Unavailable,
    "unknown": UnknownOutcome,
}

_STATUSES: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: "bad_frame",
    grpc.StatusCode.UNAUTHENTICATED: "unauthenticated",
    grpc.StatusCode.PERMISSION_DENIED: "forbidden",
    grpc.StatusCode.NOT_FOUND: "not_found",
    grpc.StatusCode.ALREADY_EXISTS: "already_exists",
    grpc.StatusCode.ABORTED: "conflict",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "rate_limited",
    grpc.StatusCode.DEADLINE_EXCEEDED: "deadline_exceeded",
    grpc.StatusCode.UNIMPLEMENTED: "unimplemented",
    grpc.StatusCode.INTERNAL: "internal",
    grpc.StatusCode.CANCELLED: "cancelled",
}

# A stream that ends so is not opened again: the same would follow. `bad_frame` is a bad protocol.
TERMINAL: Final = frozenset(
    {"unauthenticated", "token_expired", "forbidden", "bad_frame", "unimplemented"}
)
_RETRYABLE: Final = (Unavailable, NoAgent, RateLimited, UnknownOutcome)


def word(code: common_pb2.ErrorCode.ValueType) -> str:
    """Return a code's word in lower case; a code that is newer than this SDK is `unknown_code`."""
    return _WORDS.get(code, "unknown_code")


def number(code: str) -> common_pb2.ErrorCode.ValueType:
    """Return the number of a code's word; ERROR_CODE_AGENT_ERROR for a word that is none."""
    return _NUMBERS.get(code, common_pb2.ERROR_CODE_AGENT_ERROR)


def error_of(
    code: str, message: str, *, retryable: bool, retry_after_seconds: float | None
) -> RealtimeError:
    """Return the error that a refusal in words is."""
    kind = _KINDS.get(code, Rejected)
    return kind(code, message, retryable=retryable, retry_after_seconds=retry_after_seconds)


def from_rejected(rejected: common_pb2.Rejected) -> RealtimeError:
    """Return the error that a rejection is."""
    code = word(rejected.code)
    after = rejected.retry_after.ToTimedelta().total_seconds()
    return _KINDS.get(code, Rejected)(
        code,
        rejected.message,
        retryable=rejected.retryable,
        retry_after_seconds=after if rejected.HasField("retry_after") else None,
        channel=rejected.channel,
    )


def from_closing(closing: common_pb2.Closing) -> RealtimeError:
    """Return the error that the end of a session is."""
    code = word(closing.code) if closing.code else "unavailable"
    after = closing.retry_after.ToTimedelta().total_seconds()
    return _KINDS.get(code, Ended)(
        code,
        closing.message,
        retryable=code not in TERMINAL,
        retry_after_seconds=after if closing.HasField("retry_after") else None,
    )


def _details(error: grpc.aio.AioRpcError) -> Iterator[any_pb2.Any]:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            yield from Status.FromString(value).details


def from_status(error: grpc.aio.AioRpcError) -> RealtimeError:
    """Return the error that the status of a failed call is, by its ErrorInfo where it has one."""
    code = _STATUSES.get(error.code(), "unavailable")
    after: float | None = None
    for detail in _details(error):
        info, retry = ErrorInfo(), RetryInfo()
        if detail.Unpack(info):
            code = info.reason.removeprefix(_PREFIX).lower()
        elif detail.Unpack(retry):
            after = retry.retry_delay.ToTimedelta().total_seconds()
    kind = _KINDS.get(code, Rejected)
    return kind(
        code,
        error.details() or "",
        retryable=issubclass(kind, _RETRYABLE),
        retry_after_seconds=after,
    )
