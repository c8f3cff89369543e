"""What is said beside an answer's own channel.

Its task's state and progress, its agent's thinking.
"""

from functools import lru_cache
from typing import Final

import msgspec

from blackroad.core.errors import Code
from blackroad.core.identity.identity import Kind
from blackroad.core.ids import event_id
from blackroad.core.log.base import Record
from blackroad.core.names import scope, token
from blackroad.realtime.v1 import event_pb2

Beside = tuple[str, Record]  # the key of a channel, and what is said there
MAX_THOUGHT_CHARACTERS: Final = 16 << 10  # at most 64 KiB, however it is encoded
REASONS: Final = {
    event_pb2.FINISH_REASON_STOP: "stop",
    event_pb2.FINISH_REASON_LENGTH: "length",
    event_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}
AGENT: Final = Kind.AGENT.wire
_JSON: Final = msgspec.json.Encoder()


def task_started(tenant: str, stream_id: str, agent: str, model: str) -> Beside:
    """Return the event that tells that a worker took an invocation."""
    said = {"stream_id": stream_id, "agent": agent, "model": model}
    return _append(tenant, f"task.{stream_id}.state", "task.started", agent, said)


def task_completed(
    tenant: str, stream_id: str, agent: str, update: event_pb2.AnswerUpdate
) -> Beside:
    """Return the event that tells that an answer ended, and how; never its input or output."""
    reason, usage = _ending(update)
    said = {
        "stream_id": stream_id,
        "reason": reason,
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
    }
    return _append(tenant, f"task.{stream_id}.state", "task.completed", agent, said)


def task_progress(
    tenant: str, stream_id: str, agent: str, progress: event_pb2.AnswerProgress
) -> Beside:
    """Return the event that tells how far a worker is."""
    said = {"stream_id": stream_id, "progress": progress.percent, "message": progress.message}
    return _append(tenant, f"task.{stream_id}.progress", "task.progress", agent, said)


def thinking(tenant: str, stream_id: str, agent: str, thought: str) -> Beside:
    """Return the event that tells a block of an agent's thinking."""
    said = {"stream_id": stream_id, "thought": thought[:MAX_THOUGHT_CHARACTERS]}
    return _append(tenant, f"agent.{token(agent)}.thinking", "agent.thinking", agent, said)


@lru_cache(maxsize=1024)
def sent_by(agent: str) -> bytes:
    """Return the part of a serialized event that says that an agent is its sender."""
    return event_pb2.Event(sender=agent, sender_kind=AGENT).SerializeToString()


def message(
    tenant: str, channel: str, agent: str, text: str, stream_id: str, correlation_id: str
) -> Beside:
    """Return an agent's message: the text of a whole answer."""
    event = event_pb2.Event(
        id=event_id(),
        channel=channel,
        type="message",
        sender=agent,
        sender_kind=AGENT,
        text=cut(text),
        correlation_id=correlation_id,
        headers={"stream_id": stream_id},
    )
    return scope(tenant, channel), Record(event.id, event.type, event.SerializeToString())


def cut(text: str, max_bytes: int = 60 << 10) -> str:
    """Return the text, cut at a character where it is longer than an event may be."""
    if len(text) * 4 <= max_bytes:
        return text
    return text.encode()[:max_bytes].decode(errors="ignore")


def _append(tenant: str, channel: str, event_type: str, agent: str, said: object) -> Beside:
    event = event_pb2.Event(
        id=event_id(), channel=channel, type=event_type, json=_JSON.encode(said).decode()
    )
    body = event.SerializeToString()
    return f"{tenant}.{channel}", Record(
        event.id, event_type, body + sent_by(agent) if agent else body
    )


def _ending(update: event_pb2.AnswerUpdate) -> tuple[str, event_pb2.Usage]:
    if update.HasField("finished"):
        return REASONS[update.finished.reason], update.finished.usage
    if update.HasField("failed"):
        return Code(update.failed.code).name.lower(), update.failed.usage
    return "cancelled", update.cancelled.usage
