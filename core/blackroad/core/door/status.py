"""How a coded error looks to a gRPC client: a status with its reason and when to retry."""

from typing import Final

import grpc
from google.protobuf.duration_pb2 import Duration

# The wheel of google.rpc ships stubs, but no py.typed.
from google.rpc import status_pb2  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]
    ErrorInfo,
    RetryInfo,
)
from grpc_status import rpc_status

from blackroad.core.errors import MEANINGS, Code, CodedError

DOMAIN: Final = "blackroad.dev"


def code_of(error: CodedError) -> grpc.StatusCode:
    """Return the gRPC status code of an error."""
    return grpc.StatusCode[MEANINGS[error.code].status]


def status_of(error: CodedError) -> grpc.Status:
    """Return the whole status: code, text, reason, and when to come back."""
    status = status_pb2.Status(code=_number(code_of(error)), message=error.message)
    info = ErrorInfo(reason=error.code.name, domain=DOMAIN)
    if error.channel:
        info.metadata["channel"] = error.channel
    status.details.add().Pack(info)
    if error.retryable:
        status.details.add().Pack(RetryInfo(retry_delay=_delay(error.retry_after_seconds)))
    # The stub's parameter is one of the messages above, so unknown as they are.
    return rpc_status.to_status(status)  # pyright: ignore[reportUnknownMemberType]


def internal() -> CodedError:
    """Return the error that stands for a fault of ours: what happened is for the log only."""
    return CodedError(Code.INTERNAL)


def _number(code: grpc.StatusCode) -> int:
    number, _ = code.value
    return number


def _delay(seconds: float | None) -> Duration:
    delay = Duration()
    delay.FromNanoseconds(int((seconds or 0) * 1e9))
    return delay
