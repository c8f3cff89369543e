"""The updates of an answer as `agent.response` frames."""

from msgspec import UNSET, Raw, Struct, UnsetType

from blackroad.edge.errors import code_of
from blackroad.edge.frames import words
from blackroad.edge.frames.times import rfc3339
from blackroad.edge.frames.values import Usage, json_of, optional_json, usage_of
from blackroad.realtime.v1 import event_pb2

CHANNEL_PREFIX = "stream."


class AnswerPart(Struct, omit_defaults=True):
    """One part of an answer so far."""

    type: str
    text: str | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    arguments: Raw | str | UnsetType = UNSET
    content: Raw | str | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    schema: Raw | str | UnsetType = UNSET


class AnswerFrame(Struct, omit_defaults=True, tag_field="type", tag="agent.response"):
    """One step of an answer; which fields are there depends on `status`."""

    stream_id: str
    status: words.AnswerStatus
    index: int | UnsetType = UNSET
    id: str = ""
    delta: str | UnsetType = UNSET
    position: int | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    percent: float | UnsetType = UNSET
    message: str | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    arguments: Raw | str | UnsetType = UNSET
    content: Raw | str | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    schema: Raw | str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    thinking: str | UnsetType = UNSET
    parts: list[AnswerPart] | UnsetType = UNSET
    state: words.AnswerState | UnsetType = UNSET
    reason: words.FinishReason | UnsetType = UNSET
    output: Raw | str | UnsetType = UNSET
    code: words.Code | UnsetType = UNSET
    retryable: bool | UnsetType = UNSET
    retry_after_seconds: float | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    room: str = ""
    offset: int | UnsetType = UNSET
    first_offset: int | UnsetType = UNSET
    timestamp: str = ""
    cursor: str = ""
    subscription: str = ""


ENDINGS = frozenset({"finished", "failed", "cancelled"})


def answer_frame(
    event: event_pb2.Event, request_id: str = "", subscription: str = ""
) -> AnswerFrame:
    """Return the `agent.response` of one update."""
    frame = AnswerFrame(
        stream_id=event.channel.removeprefix(CHANNEL_PREFIX),
        status="",
        index=event.answer.index,
        id=request_id,
        room=event.channel,
        offset=event.offset,
        first_offset=event.first_offset or UNSET,
        timestamp=rfc3339(event.create_time) if event.HasField("create_time") else "",
        cursor=event.cursor,
        subscription=subscription,
    )
    _put_update(frame, event.answer)
    return frame


def _put_update(frame: AnswerFrame, update: event_pb2.AnswerUpdate) -> None:  # noqa: C901 - a table
    match update.WhichOneof("update"):
        case "text_delta":
            frame.status, frame.delta = "streaming", update.text_delta
        case "thinking_delta":
            frame.status, frame.delta = "thinking", update.thinking_delta
        case "queued":
            frame.status, frame.position = "queued", update.queued.position
        case "started":
            frame.status = "started"
            frame.agent, frame.model = update.started.agent, update.started.model or UNSET
            frame.attempt = update.started.attempt or UNSET
        case "progress":
            frame.status = "progress"
            frame.percent, frame.message = update.progress.percent, update.progress.message
        case "tool_call":
            frame.status = "tool_call"
            _put_tool_call(frame, update.tool_call)
        case "tool_result":
            frame.status = "tool_result"
            _put_tool_result(frame, update.tool_result)
        case "input_required":
            frame.status = "input_required"
            _put_question(frame, update.input_required)
        case "input":
            frame.status, frame.content = "input", json_of(update.input.json)
        case "usage":
            frame.status, frame.usage = "usage", usage_of(update.usage)
        case "finished":
            _put_finished(frame, update.finished)
        case "failed":
            _put_failed(frame, update.failed)
        case "cancelled":
            frame.status, frame.usage = "cancelled", usage_of(update.cancelled.usage)
        case None:  # an arm that this edge does not know yet
            frame.status = "unknown"


def _put_tool_call(to: AnswerFrame | AnswerPart, call: event_pb2.ToolCall) -> None:
    to.tool_call_id, to.name = call.tool_call_id, call.name
    to.arguments = json_of(call.arguments or "{}")


def _put_tool_result(to: AnswerFrame | AnswerPart, result: event_pb2.ToolResult) -> None:
    to.tool_call_id, to.content = result.tool_call_id, result.content
    to.is_error = result.is_error


def _put_question(to: AnswerFrame | AnswerPart, ask: event_pb2.AnswerInputRequired) -> None:
    to.prompt, to.schema = ask.prompt, optional_json(ask.schema)


def _put_finished(frame: AnswerFrame, finished: event_pb2.AnswerFinished) -> None:
    frame.status = "finished"
    frame.reason = words.FINISHES.get(finished.reason, "stop")
    frame.output = optional_json(finished.output)
    frame.usage = usage_of(finished.usage)


def _put_failed(frame: AnswerFrame, failed: event_pb2.AnswerFailed) -> None:
    frame.status = "failed"
    frame.code, frame.message = code_of(failed.code), failed.message
    frame.retryable = failed.retryable
    if failed.HasField("retry_after"):
        frame.retry_after_seconds = failed.retry_after.ToTimedelta().total_seconds()
    frame.usage = usage_of(failed.usage)


def snapshot_frames(
    snapshot: event_pb2.AnswerSnapshot, request_id: str = "", subscription: str = ""
) -> list[AnswerFrame]:
    """Return the `snapshot` frame, and where the answer has ended the ending after it.

    Then only the ending has a cursor: a client that is cut between the two would not come back to
    the ending otherwise.
    """
    ended = bool(snapshot.WhichOneof("ending"))
    frames = [
        AnswerFrame(
            stream_id=snapshot.stream_id,
            status="snapshot",
            index=snapshot.index,
            id=request_id,
            text="".join(part.text for part in snapshot.parts),
            thinking="".join(part.thinking for part in snapshot.parts),
            parts=[_part(part) for part in snapshot.parts],
            state=words.ANSWER_STATES.get(snapshot.state, UNSET),
            agent=snapshot.agent or UNSET,
            model=snapshot.model or UNSET,
            usage=usage_of(snapshot.usage) if snapshot.HasField("usage") else UNSET,
            room=CHANNEL_PREFIX + snapshot.stream_id,
            offset=snapshot.offset,
            cursor="" if ended else snapshot.cursor,
            subscription=subscription,
        )
    ]
    if ended:
        frames.append(ending_frame(snapshot, request_id, subscription))
    return frames


def ending_frame(
    snapshot: event_pb2.AnswerSnapshot, request_id: str = "", subscription: str = ""
) -> AnswerFrame:
    """Return the ending that a snapshot holds as the frame that live viewers had."""
    frame = AnswerFrame(
        stream_id=snapshot.stream_id,
        status="",
        index=snapshot.index,
        id=request_id,
        room=CHANNEL_PREFIX + snapshot.stream_id,
        offset=snapshot.offset,
        cursor=snapshot.cursor,
        subscription=subscription,
    )
    match snapshot.WhichOneof("ending"):
        case "finished":
            _put_finished(frame, snapshot.finished)
        case "failed":
            _put_failed(frame, snapshot.failed)
        case "cancelled":
            frame.status, frame.usage = "cancelled", usage_of(snapshot.cancelled.usage)
        case None:
            raise ValueError("the answer has not ended")
    return frame


def _part(part: event_pb2.AnswerPart) -> AnswerPart:
    kind = part.WhichOneof("part")
    shown = AnswerPart(type=kind or "unknown")
    match kind:
        case "text":
            shown.text = part.text
        case "thinking":
            shown.text = part.thinking
        case "tool_call":
            _put_tool_call(shown, part.tool_call)
        case "tool_result":
            _put_tool_result(shown, part.tool_result)
        case "input_required":
            _put_question(shown, part.input_required)
        case "input":
            shown.content = json_of(part.input.json)
        case None:
            pass
    return shown
