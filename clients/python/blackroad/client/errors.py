"""What can go wrong, as one tree.

    RealtimeError                 anything below: code, message, retryable, retry_after_seconds
    ├── InvalidAddress            BLACKROAD_URL names nothing that this SDK can reach
    ├── Rejected                  one request failed; everything else goes on
    │   ├── InvalidRequest        a name, value, cursor or size that the server does not take
    │   ├── Forbidden             no grant for it, or not a member
    │   ├── NotFound              no such thing, or not visible
    │   ├── Conflict              the present state is not the expected one
    │   ├── RateLimited           too many requests, occupants or subscriptions
    │   ├── NoAgent               nobody serves the target now, or its queue is full
    │   └── UnknownOutcome        it may or may not have happened
    ├── Ended                     the session is over
    │   ├── Unauthenticated       no valid token: trying again does not help
    │   └── Unavailable           the core cannot be reached, or cannot serve now
    └── AnswerFailed              the answer ended as failed; an agent raises it to fail with words

`code` is the protocol's word in lower case, such as `no_agent`: the same at every door.
"""

from typing_extensions import override

from blackroad.client.parts import Usage

__all__ = [
    "AnswerFailed",
    "Conflict",
    "Ended",
    "Forbidden",
    "InvalidAddress",
    "InvalidRequest",
    "NoAgent",
    "NotFound",
    "RateLimited",
    "RealtimeError",
    "Rejected",
    "Unauthenticated",
    "Unavailable",
    "UnknownOutcome",
]


class RealtimeError(Exception):
    """Anything that this SDK raises on its own account."""

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
        channel: str = "",
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
        self.channel = channel

    @override
    def __str__(self) -> str:
        about = f"{self.channel}: " if self.channel else ""
        return f"{about}{self.message} ({self.code})" if self.message else f"{about}{self.code}"


class InvalidAddress(RealtimeError, ValueError):  # noqa: N818 - it says what happened
    """The address is not `grpc(s)://host:port` or `http(s)://host:port`."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_address", message)


class Rejected(RealtimeError):  # noqa: N818 - it says what happened
    """One request failed; the client lives on."""


class InvalidRequest(Rejected):
    """A name, value, cursor or size that the server does not take."""


class Forbidden(Rejected):
    """The identity has no grant for this, or is not a member of the private channel."""


class NotFound(Rejected):
    """There is no such thing, or it is not visible to this identity."""


class Conflict(Rejected):
    """The present state is not the expected one."""


class RateLimited(Rejected):
    """Too many; `retry_after_seconds` says when to try again where the server knows."""


class NoAgent(Rejected):
    """Nobody serves the target now, or all are busy and the queue is full."""


class UnknownOutcome(Rejected):
    """It may or may not have happened: repeat it with the same idempotency key where it has one."""


class Ended(RealtimeError):  # noqa: N818 - it says what happened
    """The session is over."""


class Unauthenticated(Ended):
    """There is no valid token."""


class Unavailable(Ended):
    """The core cannot be reached, or cannot serve now."""


class AnswerFailed(RealtimeError):  # noqa: N818 - it says what happened
    """The answer ended as failed.

    An agent that raises it ends its answer with this code and message, which the caller sees;
    any other exception of an agent is `agent_error` with a text that tells nothing.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(
            code, message, retryable=retryable, retry_after_seconds=retry_after_seconds
        )
        self.usage = usage
