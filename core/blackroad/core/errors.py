"""What can go wrong, in the project's closed list of codes.

The one table from code to status, retry and public text.

Two kinds. A `Rejection` is raised where one request fails; the session lives. An `Ending` is raised
where the session is over. Doors translate both; nothing else does. Public text never contains an
exception's text.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from blackroad.realtime.v1 import common_pb2


class Code(IntEnum):
    """The codes, with the numbers of the proto enum ErrorCode."""

    BAD_FRAME = 1
    UNKNOWN_TYPE = 2
    MISSING_FIELD = 3
    INVALID_NAME = 4
    INVALID_CURSOR = 5
    RESERVED_TYPE = 6
    TOO_LARGE = 7
    UNAUTHENTICATED = 8
    TOKEN_EXPIRED = 9
    FORBIDDEN = 10
    NOT_MEMBER = 11
    NOT_FOUND = 12
    MODEL_NOT_FOUND = 13
    ALREADY_EXISTS = 14
    CONFLICT = 15
    CANCELLED = 16
    CONVERSATION_BUSY = 17
    CHANNEL_FULL = 18
    TOO_MANY_SUBSCRIPTIONS = 19
    RATE_LIMITED = 20
    SLOW_CONSUMER = 21
    NO_AGENT = 22
    QUEUE_FULL = 23
    AGENT_LOST = 24
    MODEL_UNAVAILABLE = 25
    MODEL_OVERLOADED = 26
    UNAVAILABLE = 27
    DRAINING = 28
    DEADLINE_EXCEEDED = 29
    AGENT_ERROR = 30
    MODEL_ERROR = 31
    UNKNOWN = 32
    UNIMPLEMENTED = 33
    INTERNAL = 34

    @property
    def wire(self) -> common_pb2.ErrorCode.ValueType:
        """The proto enum's value."""
        return common_pb2.ErrorCode.ValueType(self.value)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means at the gRPC door."""

    status: str  # the name of a gRPC status code; the domain knows no grpc
    retryable: bool
    text: str


MEANINGS: Final[dict[Code, Meaning]] = {
    Code.BAD_FRAME: Meaning(
        "INVALID_ARGUMENT", False, "the frame or a value in it is not allowed here"
    ),
    Code.UNKNOWN_TYPE: Meaning("INVALID_ARGUMENT", False, "the frame's type is not known"),
    Code.MISSING_FIELD: Meaning("INVALID_ARGUMENT", False, "a required field is not set"),
    Code.INVALID_NAME: Meaning("INVALID_ARGUMENT", False, "the name is not valid"),
    Code.INVALID_CURSOR: Meaning("INVALID_ARGUMENT", False, "the cursor is not valid"),
    Code.RESERVED_TYPE: Meaning(
        "INVALID_ARGUMENT", False, "events of this type are published by the server only"
    ),
    Code.TOO_LARGE: Meaning("INVALID_ARGUMENT", False, "a size limit is exceeded"),
    Code.UNAUTHENTICATED: Meaning("UNAUTHENTICATED", False, "a valid token is required"),
    Code.TOKEN_EXPIRED: Meaning("UNAUTHENTICATED", False, "the token has expired"),
    Code.FORBIDDEN: Meaning("PERMISSION_DENIED", False, "no grant allows this"),
    Code.NOT_MEMBER: Meaning(
        "PERMISSION_DENIED", False, "the channel is private and you are not a member"
    ),
    Code.NOT_FOUND: Meaning("NOT_FOUND", False, "there is no such thing here"),
    Code.MODEL_NOT_FOUND: Meaning("NOT_FOUND", False, "there is no such model"),
    Code.ALREADY_EXISTS: Meaning("ALREADY_EXISTS", False, "it exists already"),
    Code.CONFLICT: Meaning("ABORTED", False, "the present state is not the expected one"),
    Code.CANCELLED: Meaning("CANCELLED", False, "it was cancelled"),
    Code.CONVERSATION_BUSY: Meaning("ABORTED", True, "the conversation has an answer in progress"),
    Code.CHANNEL_FULL: Meaning(
        "RESOURCE_EXHAUSTED", True, "the channel has as many occupants as it may"
    ),
    Code.TOO_MANY_SUBSCRIPTIONS: Meaning(
        "RESOURCE_EXHAUSTED", False, "the session has as many subscriptions as it may"
    ),
    Code.RATE_LIMITED: Meaning("RESOURCE_EXHAUSTED", True, "too many requests"),
    Code.SLOW_CONSUMER: Meaning(
        "RESOURCE_EXHAUSTED", True, "the client did not read for too long; resume with its cursor"
    ),
    Code.NO_AGENT: Meaning("UNAVAILABLE", True, "nobody serves this now"),
    Code.QUEUE_FULL: Meaning("UNAVAILABLE", True, "all workers are busy and the queue is full"),
    Code.AGENT_LOST: Meaning("UNAVAILABLE", True, "the worker went away"),
    Code.MODEL_UNAVAILABLE: Meaning("UNAVAILABLE", True, "the model cannot be reached"),
    Code.MODEL_OVERLOADED: Meaning("UNAVAILABLE", True, "the model is overloaded"),
    Code.UNAVAILABLE: Meaning("UNAVAILABLE", True, "the server cannot serve now"),
    Code.DRAINING: Meaning(
        "UNAVAILABLE", True, "the server is shutting down; resume elsewhere with the cursor"
    ),
    Code.DEADLINE_EXCEEDED: Meaning("DEADLINE_EXCEEDED", True, "the deadline passed"),
    Code.AGENT_ERROR: Meaning("INTERNAL", False, "the agent failed"),
    Code.MODEL_ERROR: Meaning("INTERNAL", False, "the model failed"),
    Code.UNKNOWN: Meaning(
        "UNKNOWN", True, "the event may or may not be in the log; repeat it with the same key"
    ),
    Code.UNIMPLEMENTED: Meaning("UNIMPLEMENTED", False, "this server does not implement it"),
    Code.INTERNAL: Meaning("INTERNAL", False, "the server failed"),
}


class CodedError(Exception):
    """An error with a code of the closed list and a text that may be shown to anyone."""

    def __init__(
        self,
        code: Code,
        message: str = "",
        *,
        retry_after_seconds: float | None = None,
        channel: str = "",
    ) -> None:
        self.code = code
        self.message = message or MEANINGS[code].text
        self.retry_after_seconds = retry_after_seconds
        self.channel = channel
        super().__init__(f"{code.name}: {self.message}")

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return MEANINGS[self.code].retryable


class Rejection(CodedError):  # noqa: N818 (the word of the design)
    """One request failed; the session lives."""


class Ending(CodedError):  # noqa: N818 (the word of the design)
    """The session is over."""
