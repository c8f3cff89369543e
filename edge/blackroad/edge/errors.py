"""What can go wrong at the edge: one table from code to HTTP status and close code, one error."""

from dataclasses import dataclass
from typing import Final

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # has no stubs

from blackroad.realtime.v1 import common_pb2, event_pb2

CLOSE_NORMAL: Final = 1000
CLOSE_TOO_BIG: Final = 1009
CLOSE_INTERNAL: Final = 1011


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means at the edge's doors."""

    http_status: int
    close_code: int  # for where the code ends a session; a rejected request never closes anything
    retryable: bool
    text: str


MEANINGS: Final[dict[str, Meaning]] = {
    "bad_frame": Meaning(400, 4400, False, "a value is not what the protocol allows"),
    "unknown_type": Meaning(400, 4400, False, "there is no frame of this type"),
    "missing_field": Meaning(400, 4400, False, "a required field is missing"),
    "invalid_name": Meaning(400, 4400, False, "the name is not valid"),
    "invalid_cursor": Meaning(400, 4400, False, "the cursor is not valid"),
    "reserved_type": Meaning(400, 4400, False, "only the server publishes this type"),
    "too_large": Meaning(413, CLOSE_TOO_BIG, False, "a size limit is exceeded"),
    "unauthenticated": Meaning(401, 4401, False, "a valid token is needed"),
    "token_expired": Meaning(401, 4401, False, "the token has expired"),
    "forbidden": Meaning(403, 4403, False, "this is not allowed"),
    "not_member": Meaning(403, 4403, False, "the channel is private"),
    "not_found": Meaning(404, 4400, False, "there is no such thing"),
    "model_not_found": Meaning(404, 4400, False, "there is no such model"),
    "already_exists": Meaning(409, 4400, False, "it exists already"),
    "conflict": Meaning(409, 4400, False, "the present state is another one"),
    "cancelled": Meaning(409, CLOSE_NORMAL, False, "it was cancelled"),
    "conversation_busy": Meaning(409, 1013, True, "the conversation has an answer in progress"),
    "channel_full": Meaning(409, 1013, True, "the channel is full"),
    "too_many_subscriptions": Meaning(429, 4429, False, "a session may not have so many"),
    "rate_limited": Meaning(429, 4429, True, "too many requests"),
    "slow_consumer": Meaning(503, 4413, True, "the client did not read for too long"),
    "no_agent": Meaning(503, 1013, True, "nobody serves this now"),
    "queue_full": Meaning(503, 1013, True, "all workers are busy"),
    "agent_lost": Meaning(503, 1013, True, "the worker went away"),
    "model_unavailable": Meaning(503, 1013, True, "the model cannot be reached"),
    "model_overloaded": Meaning(503, 1013, True, "the model is overloaded"),
    "unavailable": Meaning(503, 1013, True, "the service is away for a moment"),
    "draining": Meaning(503, 1012, True, "this server shuts down; come back with the cursor"),
    "deadline_exceeded": Meaning(504, 4408, True, "the deadline passed"),
    "agent_error": Meaning(502, CLOSE_INTERNAL, False, "the agent failed"),
    "model_error": Meaning(502, CLOSE_INTERNAL, False, "the model failed"),
    "unknown": Meaning(500, CLOSE_INTERNAL, True, "it may or may not have happened"),
    "unimplemented": Meaning(501, 4400, False, "this is not implemented"),
    "internal": Meaning(500, CLOSE_INTERNAL, False, "the server failed"),
}

_BY_STATUS: Final[dict[grpc.StatusCode, str]] = {
    grpc.StatusCode.CANCELLED: "cancelled",
    grpc.StatusCode.UNKNOWN: "internal",
    grpc.StatusCode.INVALID_ARGUMENT: "bad_frame",
    grpc.StatusCode.DEADLINE_EXCEEDED: "deadline_exceeded",
    grpc.StatusCode.NOT_FOUND: "not_found",
    grpc.StatusCode.ALREADY_EXISTS: "already_exists",
    grpc.StatusCode.PERMISSION_DENIED: "forbidden",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "too_large",
    grpc.StatusCode.ABORTED: "conflict",
    grpc.StatusCode.UNIMPLEMENTED: "unimplemented",
    grpc.StatusCode.UNAVAILABLE: "unavailable",
    grpc.StatusCode.UNAUTHENTICATED: "unauthenticated",
}

# What gRPC itself says where no answer came.
_LOST: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    }
)
_CODE_PREFIX: Final = "ERROR_CODE_"
_DETAILS_KEY: Final = "grpc-status-details-bin"


class Refusal(Exception):  # noqa: N818 - the protocol's word; it is an answer, not a fault
    """One request that cannot be served: its code, a public text, and when to try again."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        retryable: bool | None = None,
        retry_after_seconds: float | None = None,
        channel: str = "",
    ) -> None:
        meaning = MEANINGS[code]
        self.code = code
        self.message = message or meaning.text
        self.retryable = meaning.retryable if retryable is None else retryable
        self.retry_after_seconds = retry_after_seconds
        self.channel = channel
        super().__init__(f"{code}: {self.message}")

    @property
    def meaning(self) -> Meaning:
        """The row of the table."""
        return MEANINGS[self.code]


def document_of(refusal: Refusal, status: int | None = None, title: str = "") -> dict[str, object]:
    """Return a refusal as a problem document (RFC 9457); a status beside the table's has a title.

    It is the one shape of errors over HTTP, whoever refuses.
    """
    document: dict[str, object] = {
        "type": "about:blank",
        "title": title or refusal.meaning.text,
        "status": status or refusal.meaning.http_status,
        "detail": refusal.message,
        "code": refusal.code,
        "retryable": refusal.retryable,
    }
    if refusal.channel:
        document["channel"] = refusal.channel
    if refusal.retry_after_seconds is not None:
        document["retry_after_seconds"] = refusal.retry_after_seconds
    return document


def code_of(value: common_pb2.ErrorCode.ValueType) -> str:
    """Return the word of a proto code: `internal` for one that is not known or not set."""
    try:
        name = common_pb2.ErrorCode.Name(value)
    except ValueError:
        return "internal"
    word = name.removeprefix(_CODE_PREFIX).lower()
    return word if word in MEANINGS else "internal"


def from_failed(failed: event_pb2.AnswerFailed) -> Refusal:
    """Return the failure of an answer as the refusal that it is before its first byte."""
    after = failed.retry_after.ToTimedelta().total_seconds()
    return Refusal(
        code_of(failed.code),
        failed.message,
        retryable=failed.retryable,
        retry_after_seconds=after if failed.HasField("retry_after") else None,
    )


def from_rejected(rejected: common_pb2.Rejected) -> Refusal:
    """Return what the core refused."""
    return Refusal(
        code_of(rejected.code),
        rejected.message,
        retryable=rejected.retryable,
        retry_after_seconds=rejected.retry_after.ToTimedelta().total_seconds()
        if rejected.HasField("retry_after")
        else None,
        channel=rejected.channel,
    )


def is_told(error: grpc.aio.AioRpcError) -> bool:
    """Tell whether a failed call was certainly refused; not where its answer was lost."""
    return _status_details(error) is not None or error.code() not in _LOST


def from_call(error: grpc.aio.AioRpcError) -> Refusal:
    """Return what a failed unary call says, by its ErrorInfo where it has one, else by its status.

    Without an ErrorInfo the text is the table's: what a proxy or a library wrote is not public.
    """
    status = _status_details(error)
    reason, retry_after_seconds = "", None
    for detail in status.details if status else ():
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason.lower()
        elif detail.Unpack(retry):
            retry_after_seconds = retry.retry_delay.ToTimedelta().total_seconds()
    if reason in MEANINGS:
        return Refusal(reason, error.details() or "", retry_after_seconds=retry_after_seconds)
    return Refusal(_BY_STATUS.get(error.code(), "internal"))


def _status_details(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            return status_pb2.Status.FromString(value)
    return None
