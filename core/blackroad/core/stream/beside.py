"""What is said beside an answer's own channel.

Its task's state and progress, its agent's thinking.
"""

from typing import Final

import msgspec

from blackroad.core.errors import Code
from blackroad.core.ids import event_id
from blackroad.core.log.record import LateRecord, Record
from blackroad.core.names import scope, token, unscope
from blackroad.core.stream.journal import Alike
from blackroad.core.stream.update import AGENT, Ending
from blackroad.realtime.v1 import event_pb2

# The key of a channel, what is said there, and how the journal knows what history it keeps.
Beside = tuple[str, Record, Alike | None]
MAX_THOUGHT_CHARACTERS: Final = 16 << 10  # at most 64 KiB, however it is encoded
REASONS: Final = {
    event_pb2.FINISH_REASON_STOP: "stop",
    event_pb2.FINISH_REASON_LENGTH: "length",
    event_pb2.FINISH_REASON_TOOL_CALLS: "tool_calls",
}
SIZE: Final = 256  # bytes of such an event's body, about
_JSON: Final = msgspec.json.Encoder()


def task_started(tenant: str, stream_id: str, agent: str, model: str) -> Beside:
    """Return the event that tells that a worker took an invocation."""
    key = f"{tenant}.task.{stream_id}.state"
    told = TaskStarted("", "task.started", b"", 0, SIZE, key, agent, stream_id, model=model)
    return key, told, (tenant, "state")


def task_completed(tenant: str, stream_id: str, agent: str, ending: Ending) -> Beside:
    """Return the event that tells that an answer ended, and how; never its input or output."""
    key = f"{tenant}.task.{stream_id}.state"
    told = TaskCompleted("", "task.completed", b"", 0, SIZE, key, agent, stream_id, ending=ending)
    return key, told, (tenant, "state")


def task_progress(
    tenant: str, stream_id: str, agent: str, progress: event_pb2.AnswerProgress
) -> Beside:
    """Return the event that tells how far a worker is."""
    key = f"{tenant}.task.{stream_id}.progress"
    told = TaskProgress(
        *("", "task.progress", b"", 0, SIZE, key, agent, stream_id),
        percent=progress.percent,
        message=progress.message,
    )
    return key, told, (tenant, "progress")


def thinking(tenant: str, stream_id: str, agent: str, thought: str) -> Beside:
    """Return the event that tells a block of an agent's thinking."""
    key = f"{tenant}.agent.{token(agent)}.thinking"
    thought = thought[:MAX_THOUGHT_CHARACTERS]
    told = Thought("", "agent.thinking", b"", 0, SIZE, key, agent, stream_id, thought=thought)
    return key, told, None


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
    return scope(tenant, channel), Record(event.id, event.type, event.SerializeToString()), None


def cut(text: str, max_bytes: int = 60 << 10) -> str:
    """Return the text, cut at a character where it is longer than an event may be."""
    if len(text) * 4 <= max_bytes:
        return text
    return text.encode()[:max_bytes].decode(errors="ignore")


class Told(LateRecord):
    """An event of the core's own about an answer."""

    key: str = ""  # of its channel
    agent: str = ""
    stream_id: str = ""

    def said(self) -> object:
        """Return what it says: any value of JSON."""
        raise NotImplementedError

    def make(self) -> bytes:
        """Return the body (log.record.LateRecord)."""
        json = _JSON.encode(self.said()).decode()
        event = event_pb2.Event(
            id=self.event_id,
            channel=unscope(self.key),
            type=self.type,
            sender=self.agent,
            json=json,
        )
        if self.agent:
            event.sender_kind = AGENT
        return event.SerializeToString()


class TaskStarted(Told, kw_only=True):
    """A worker took an invocation."""

    model: str

    def said(self) -> object:
        """See `Told`."""
        return {"stream_id": self.stream_id, "agent": self.agent, "model": self.model}


class TaskCompleted(Told, kw_only=True):
    """An answer ended."""

    ending: Ending

    def said(self) -> object:
        """See `Told`."""
        usage = self.ending.usage
        return {
            "stream_id": self.stream_id,
            "reason": _reason(self.ending),
            "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
        }


class TaskProgress(Told, kw_only=True):
    """A worker is so far."""

    percent: float
    message: str

    def said(self) -> object:
        """See `Told`."""
        return {"stream_id": self.stream_id, "progress": self.percent, "message": self.message}


class Thought(Told, kw_only=True):
    """A block of an agent's thinking."""

    thought: str

    def said(self) -> object:
        """See `Told`."""
        return {"stream_id": self.stream_id, "thought": self.thought}


def _reason(ending: Ending) -> str:
    match ending:
        case event_pb2.AnswerFinished():
            return REASONS[ending.reason]
        case event_pb2.AnswerFailed():
            return Code(ending.code).name.lower()
        case event_pb2.AnswerCancelled():
            return "cancelled"
