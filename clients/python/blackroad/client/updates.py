"""An answer's steps, from the wire to typed parts."""

from typing import Final

from blackroad.client.codes import word
from blackroad.client.errors import AnswerFailed
from blackroad.client.parts import (
    AnswerState,
    Cancelled,
    Finished,
    FinishReason,
    Folded,
    Gap,
    Input,
    InputRequired,
    Part,
    Progress,
    Queued,
    Snapshot,
    Started,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from blackroad.realtime.v1 import event_pb2

_REASONS: Final[dict[event_pb2.FinishReason.ValueType, FinishReason]] = {
    event_pb2.FINISH_REASON_STOP: "stop",
    event_pb2.FINISH_REASON_LENGTH: "length",
    event_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}
REASON_NUMBERS: Final[dict[str, event_pb2.FinishReason.ValueType]] = {
    reason: number for number, reason in _REASONS.items()
}
_STATES: Final[dict[event_pb2.AnswerState.ValueType, AnswerState]] = {
    event_pb2.ANSWER_STATE_QUEUED: "queued",
    event_pb2.ANSWER_STATE_RUNNING: "running",
    event_pb2.ANSWER_STATE_WAITING: "waiting",
    event_pb2.ANSWER_STATE_FINISHED: "finished",
    event_pb2.ANSWER_STATE_FAILED: "failed",
    event_pb2.ANSWER_STATE_CANCELLED: "cancelled",
}
_GAPS: Final = {
    event_pb2.GAP_REASON_EXPIRED: "expired",
    event_pb2.GAP_REASON_EPOCH_CHANGED: "epoch_changed",
    event_pb2.GAP_REASON_NOT_KEPT: "not_kept",
}
STATE_NUMBERS: Final[dict[str, event_pb2.AnswerState.ValueType]] = {
    state: number for number, state in _STATES.items()
}
GAP_NUMBERS: Final = {reason: number for number, reason in _GAPS.items()}


def read_update(update: event_pb2.AnswerUpdate) -> Part | AnswerFailed | None:
    """Return the part that an update is; None for one that is newer than this SDK."""
    match update.WhichOneof("update"):
        case "text_delta":
            return Text(update.text_delta)
        case "thinking_delta":
            return Thinking(update.thinking_delta)
        case "queued":
            return Queued(update.queued.position)
        case "started":
            return read_started(update.started)
        case "progress":
            return Progress(update.progress.percent, update.progress.message)
        case "usage":
            return read_usage(update.usage)
        case "finished":
            return read_finished(update.finished)
        case "failed":
            return read_failed(update.failed)
        case "cancelled":
            return read_cancelled(update.cancelled)
        case _:
            return _read_exchange(update)


def _read_exchange(update: event_pb2.AnswerUpdate) -> Folded | None:
    """Return the part that is a turn between the answer and its tools or viewers."""
    match update.WhichOneof("update"):
        case "tool_call":
            return _read_tool_call(update.tool_call)
        case "tool_result":
            return _read_tool_result(update.tool_result)
        case "input_required":
            return InputRequired(update.input_required.prompt, update.input_required.schema)
        case "input":
            return Input(update.input.json, update.input.sender)
        case _:
            return None


def read_started(started: event_pb2.AnswerStarted) -> Started:
    """Return who took the invocation."""
    return Started(started.agent, started.model, started.attempt)


def read_usage(usage: event_pb2.Usage) -> Usage:
    """Return the tokens."""
    return Usage(usage.input_tokens, usage.output_tokens)


def read_finished(finished: event_pb2.AnswerFinished) -> Finished:
    """Return the ending of a complete answer."""
    usage = read_usage(finished.usage) if finished.HasField("usage") else None
    return Finished(_REASONS.get(finished.reason, "stop"), finished.output, usage)


def read_cancelled(cancelled: event_pb2.AnswerCancelled) -> Cancelled:
    """Return the ending of a cancelled answer."""
    return Cancelled(read_usage(cancelled.usage) if cancelled.HasField("usage") else None)


def read_failed(failed: event_pb2.AnswerFailed) -> AnswerFailed:
    """Return the ending of a failed answer, as the error that it is."""
    usage = read_usage(failed.usage) if failed.HasField("usage") else None
    after = failed.retry_after.ToTimedelta().total_seconds()
    return AnswerFailed(
        word(failed.code),
        failed.message,
        retryable=failed.retryable,
        retry_after_seconds=after if failed.HasField("retry_after") else None,
        usage=usage,
    )


def read_gap(gap: event_pb2.Gap) -> Gap:
    """Return the announcement of missing events."""
    return Gap(gap.channel, gap_reason(gap.reason), gap.cursor)


def gap_reason(reason: event_pb2.GapReason.ValueType) -> str:
    """Return the word for why events are missing."""
    return _GAPS.get(reason, "not_kept")


def read_snapshot(snapshot: event_pb2.AnswerSnapshot) -> Snapshot:
    """Return an answer as it stands. Its failure, where it has one, is told by `read_ending`."""
    ending = read_ending(snapshot)
    progress = snapshot.progress
    return Snapshot(
        stream_id=snapshot.stream_id,
        state=_STATES.get(snapshot.state, "running"),
        parts=tuple(part for each in snapshot.parts if (part := _read_folded(each)) is not None),
        agent=snapshot.agent,
        model=snapshot.model,
        attempt=snapshot.attempt,
        usage=read_usage(snapshot.usage) if snapshot.HasField("usage") else None,
        progress=Progress(progress.percent, progress.message)
        if snapshot.HasField("progress")
        else None,
        cursor=snapshot.cursor,
        ending=None if isinstance(ending, AnswerFailed) else ending,
    )


def read_ending(snapshot: event_pb2.AnswerSnapshot) -> Finished | Cancelled | AnswerFailed | None:
    """Return how an answer ended; None while it is in progress."""
    match snapshot.WhichOneof("ending"):
        case "finished":
            return read_finished(snapshot.finished)
        case "failed":
            return read_failed(snapshot.failed)
        case "cancelled":
            return read_cancelled(snapshot.cancelled)
        case None:
            return None


def _read_folded(part: event_pb2.AnswerPart) -> Folded | None:
    match part.WhichOneof("part"):
        case "text":
            return Text(part.text)
        case "thinking":
            return Thinking(part.thinking)
        case "tool_call":
            return _read_tool_call(part.tool_call)
        case "tool_result":
            return _read_tool_result(part.tool_result)
        case "input_required":
            return InputRequired(part.input_required.prompt, part.input_required.schema)
        case "input":
            return Input(part.input.json, part.input.sender)
        case None:
            return None


def _read_tool_call(call: event_pb2.ToolCall) -> ToolCall:
    return ToolCall(call.tool_call_id, call.name, call.arguments)


def _read_tool_result(result: event_pb2.ToolResult) -> ToolResult:
    return ToolResult(result.tool_call_id, result.content, result.is_error)
