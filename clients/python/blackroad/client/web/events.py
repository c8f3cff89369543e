"""From the frames of an edge to the messages of the contract: events and answers."""

from base64 import b64decode
from datetime import datetime
from typing import Final

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Raw

from blackroad.client.codes import number
from blackroad.client.event import KIND_NUMBERS
from blackroad.client.updates import GAP_NUMBERS, REASON_NUMBERS, STATE_NUMBERS
from blackroad.client.web.told import Told, ToldPart, ToldUsage, as_json, as_text
from blackroad.realtime.v1 import common_pb2, event_pb2

STREAM: Final = "stream."
_FLAT: Final = ("room.", "channel.")
_OF_ALL: Final = frozenset({"type", "cursor", "timestamp", "event_id", "offset", "subscription"})
_FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])


def event_of(told: Told, document: bytes) -> event_pb2.Event:
    """Return the event that a frame is; `document` is the frame as it came."""
    event = event_pb2.Event(
        id=told.event_id,
        channel=told.room or told.channel_id,
        type=told.type,
        sender=told.sender,
        sender_kind=KIND_NUMBERS.get(told.from_kind, common_pb2.ENTITY_KIND_UNSPECIFIED),
        sender_session=told.from_session,
        offset=told.offset,
        first_offset=told.first_offset,
        cursor=told.cursor,
        content_type=told.content_type,
        headers=told.headers,
        correlation_id=told.correlation_id,
        traceparent=told.traceparent,
    )
    if told.timestamp:
        event.create_time.CopyFrom(time_of(told.timestamp))
    if told.type == "agent.response":
        event.answer.CopyFrom(update_of(told))
    elif told.type.startswith(_FLAT):
        event.json = _flat(document)
    elif told.data is not None:
        event.data = b64decode(told.data)
    elif bytes(told.content).startswith(b'"'):
        event.text = as_text(told.content)
    else:
        event.json = as_json(told.content)
    return event


def time_of(text: str) -> Timestamp:
    """Return a time of RFC 3339."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime.fromisoformat(text))
    return stamp


def _flat(document: bytes) -> str:
    """Return what a channel tells of itself: the frame's own fields."""
    fields = _FIELDS.decode(document)
    return msgspec.json.encode({k: v for k, v in fields.items() if k not in _OF_ALL}).decode()


def update_of(told: Told) -> event_pb2.AnswerUpdate:  # noqa: C901 - a table
    """Return the step of an answer that an `agent.response` is."""
    update = event_pb2.AnswerUpdate(index=told.index)
    match told.status:
        case "streaming":
            update.text_delta = told.delta
        case "thinking":
            update.thinking_delta = told.delta
        case "queued":
            update.queued.position = told.position
        case "started":
            update.started.CopyFrom(started_of(told))
        case "progress":
            update.progress.percent, update.progress.message = told.percent, told.message
        case "tool_call":
            update.tool_call.CopyFrom(_call_of(told))
        case "tool_result":
            update.tool_result.CopyFrom(_result_of(told))
        case "input_required":
            update.input_required.CopyFrom(_question_of(told))
        case "input":
            update.input.json = as_json(told.content)
        case "usage":
            update.usage.CopyFrom(_usage_of(told.usage))
        case "finished":
            update.finished.CopyFrom(finished_of(told))
        case "failed":
            update.failed.CopyFrom(failed_of(told))
        case "cancelled":
            update.cancelled.usage.CopyFrom(_usage_of(told.usage))
        case _:  # newer than this SDK
            pass
    return update


def started_of(told: Told) -> event_pb2.AnswerStarted:
    """Return who took the invocation."""
    return event_pb2.AnswerStarted(agent=told.agent, model=told.model, attempt=told.attempt)


def finished_of(told: Told) -> event_pb2.AnswerFinished:
    """Return the ending of a complete answer."""
    return event_pb2.AnswerFinished(
        reason=REASON_NUMBERS.get(told.reason, event_pb2.FINISH_REASON_STOP),
        output=as_json(told.output),
        usage=_usage_of(told.usage),
    )


def failed_of(told: Told) -> event_pb2.AnswerFailed:
    """Return the ending of an answer that failed."""
    failed = event_pb2.AnswerFailed(
        code=number(told.code),
        message=told.message,
        retryable=told.retryable,
        usage=_usage_of(told.usage),
    )
    if told.retry_after_seconds is not None:
        failed.retry_after.FromNanoseconds(int(told.retry_after_seconds * 1e9))
    return failed


def cancelled_of(told: Told) -> event_pb2.AnswerCancelled:
    """Return the ending of an answer that was cancelled."""
    return event_pb2.AnswerCancelled(usage=_usage_of(told.usage))


def snapshot_of(told: Told) -> event_pb2.AnswerSnapshot:
    """Return an answer as it stands. Its ending, where it has one, comes as a frame of its own."""
    return event_pb2.AnswerSnapshot(
        stream_id=told.stream_id,
        state=STATE_NUMBERS.get(told.state, event_pb2.ANSWER_STATE_RUNNING),
        parts=[_part_of(part) for part in told.parts],
        index=told.index,
        offset=told.offset,
        cursor=told.cursor,
        agent=told.agent,
        model=told.model,
        usage=None if told.usage is None else _usage_of(told.usage),
    )


def gap_of(channel: str, reason: str, cursor: str) -> event_pb2.Gap:
    """Return the announcement of missing events."""
    return event_pb2.Gap(
        channel=channel,
        reason=GAP_NUMBERS.get(reason, event_pb2.GAP_REASON_NOT_KEPT),
        cursor=cursor,
    )


def _part_of(part: ToldPart) -> event_pb2.AnswerPart:
    match part.type:
        case "text":
            return event_pb2.AnswerPart(text=part.text)
        case "thinking":
            return event_pb2.AnswerPart(thinking=part.text)
        case "tool_call":
            return event_pb2.AnswerPart(tool_call=_call_of(part))
        case "tool_result":
            return event_pb2.AnswerPart(tool_result=_result_of(part))
        case "input_required":
            return event_pb2.AnswerPart(input_required=_question_of(part))
        case "input":
            return event_pb2.AnswerPart(input=event_pb2.AnswerInput(json=as_json(part.content)))
        case _:
            return event_pb2.AnswerPart()


def _call_of(told: Told | ToldPart) -> event_pb2.ToolCall:
    return event_pb2.ToolCall(
        tool_call_id=told.tool_call_id, name=told.name, arguments=as_json(told.arguments)
    )


def _result_of(told: Told | ToldPart) -> event_pb2.ToolResult:
    return event_pb2.ToolResult(
        tool_call_id=told.tool_call_id, content=as_text(told.content), is_error=told.is_error
    )


def _question_of(told: Told | ToldPart) -> event_pb2.AnswerInputRequired:
    return event_pb2.AnswerInputRequired(prompt=told.prompt, schema=as_json(told.schema))


def _usage_of(usage: ToldUsage | None) -> event_pb2.Usage:
    given = usage or ToldUsage()
    return event_pb2.Usage(input_tokens=given.input_tokens, output_tokens=given.output_tokens)
