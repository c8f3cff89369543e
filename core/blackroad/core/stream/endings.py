"""The endings of an answer, and what a worker may say in them."""

from typing import Final

import msgspec

from blackroad.core.errors import MEANINGS, Code, Rejection
from blackroad.realtime.v1 import event_pb2, stream_pb2

MAX_OUTPUT_BYTES: Final = 60 << 10
MAX_MESSAGE_BYTES: Final = 1 << 10
WORKERS: Final = {
    code.value: code
    for code in (
        Code.AGENT_ERROR,
        Code.MODEL_ERROR,
        Code.MODEL_UNAVAILABLE,
        Code.MODEL_OVERLOADED,
        Code.MODEL_NOT_FOUND,
        Code.DEADLINE_EXCEEDED,  # by its own clock, a moment before ours
    )
}


def finished(
    finish: stream_pb2.FinishInvocation, usage: event_pb2.Usage | None
) -> event_pb2.AnswerFinished:
    """Return the ending of a complete answer."""
    ending = event_pb2.AnswerFinished()  # to set fields costs half of what keywords do
    ending.reason = finish.reason or event_pb2.FINISH_REASON_STOP
    if finish.output:
        ending.output = finish.output
    if usage is not None:
        ending.usage.CopyFrom(usage)
    return ending


def length(usage: event_pb2.Usage | None) -> event_pb2.AnswerFinished:
    """Return the ending of an answer that a limit cut."""
    return event_pb2.AnswerFinished(reason=event_pb2.FINISH_REASON_LENGTH, usage=usage)


def cancelled(usage: event_pb2.Usage | None) -> event_pb2.AnswerCancelled:
    """Return the ending of a cancelled answer."""
    return event_pb2.AnswerCancelled(usage=usage)


def failed(code: Code, usage: event_pb2.Usage | None, message: str = "") -> event_pb2.AnswerFailed:
    """Return the ending of an answer that failed for want of a worker or of time."""
    return event_pb2.AnswerFailed(
        code=code.wire,
        message=message or MEANINGS[code].text,
        usage=usage,
        retryable=MEANINGS[code].retryable,
    )


def worker_failed(
    fail: stream_pb2.FailInvocation, usage: event_pb2.Usage | None
) -> event_pb2.AnswerFailed:
    """Return the ending that a worker told.

    A code that is not a worker's to tell becomes AGENT_ERROR.
    """
    code = WORKERS.get(fail.code, Code.AGENT_ERROR)
    message = fail.message.encode()[:MAX_MESSAGE_BYTES].decode(errors="ignore")
    return event_pb2.AnswerFailed(
        code=code.wire,
        message=message or MEANINGS[code].text,
        usage=usage,
        retryable=fail.retryable or MEANINGS[code].retryable,
        retry_after=fail.retry_after if fail.HasField("retry_after") else None,
    )


def check_output(output: str) -> None:
    """Raise where a result is not JSON (BAD_FRAME) or too long for an event (TOO_LARGE)."""
    if len(output.encode()) > MAX_OUTPUT_BYTES:
        raise Rejection(Code.TOO_LARGE, "a structured result is at most 60 KiB")
    try:
        msgspec.json.decode(output, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Rejection(Code.BAD_FRAME, "output is not valid JSON") from error
