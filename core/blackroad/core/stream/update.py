"""What is said of an answer, one thing at a time, as the log keeps it."""

from functools import lru_cache
from typing import Final

from blackroad.core.identity.identity import Kind
from blackroad.core.log.entry import Entry
from blackroad.core.log.record import LateRecord
from blackroad.realtime.v1 import event_pb2

Ending = event_pb2.AnswerFinished | event_pb2.AnswerFailed | event_pb2.AnswerCancelled
Said = (
    Ending
    | event_pb2.AnswerQueued
    | event_pb2.AnswerStarted
    | event_pb2.AnswerProgress
    | event_pb2.AnswerInputRequired
    | event_pb2.AnswerInput
    | event_pb2.ToolCall
    | event_pb2.ToolResult
    | event_pb2.Usage
)

TYPE: Final = "agent.response"
AGENT: Final = Kind.AGENT.wire
SIZE: Final = 128  # bytes of an update's body without what is said, about
ARMS: Final[dict[type[Said], str]] = {
    event_pb2.AnswerFinished: "finished",
    event_pb2.AnswerFailed: "failed",
    event_pb2.AnswerCancelled: "cancelled",
    event_pb2.AnswerQueued: "queued",
    event_pb2.AnswerStarted: "started",
    event_pb2.AnswerProgress: "progress",
    event_pb2.AnswerInputRequired: "input_required",
    event_pb2.AnswerInput: "input",
    event_pb2.ToolCall: "tool_call",
    event_pb2.ToolResult: "tool_result",
    event_pb2.Usage: "usage",
}
ENDINGS: Final = frozenset(("finished", "failed", "cancelled"))
DELTAS: Final = frozenset(("text_delta", "thinking_delta"))


class Update(LateRecord):
    """One update. `text` is said with a delta, `said` with every other arm. See `updated`."""

    channel: str = ""
    agent: str = ""  # who says it; empty before a worker has the answer
    index: int = 0
    arm: str = ""
    text: str = ""
    said: Said | None = None

    @property
    def ends(self) -> bool:
        """Whether it is an ending."""
        return self.arm in ENDINGS

    @property
    def message(self) -> event_pb2.AnswerUpdate:
        """The message that says the same."""
        message = event_pb2.AnswerUpdate(index=self.index)
        if self.arm in DELTAS:
            setattr(message, self.arm, self.text)
        elif self.said is not None:
            getattr(message, self.arm).CopyFrom(self.said)
        return message

    def make(self) -> bytes:
        """Return the body (log.record.LateRecord)."""
        event = event_pb2.Event(
            id=self.event_id, channel=self.channel, type=TYPE, answer=self.message
        )
        if self.agent:
            event.sender, event.sender_kind = self.agent, AGENT
        return event.SerializeToString()


def updated(
    channel: str, agent: str, index: int, arm: str, text: str = "", said: Said | None = None
) -> Update:
    """Return an update that is to be written."""
    size = SIZE + (len(text) if said is None else said.ByteSize())
    return Update("", TYPE, b"", 0, size, channel, agent, index, arm, text, said)


def update_in(message: event_pb2.AnswerUpdate, channel: str = "", agent: str = "") -> Update:
    """Return what a message says; an arm of a later version has no name."""
    arm = message.WhichOneof("update")
    text, said = "", None
    if arm in DELTAS:
        text = getattr(message, arm)
    elif arm:
        said = getattr(message, arm)
    return updated(channel, agent, message.index, arm or "", text, said)


def update_of(entry: Entry) -> Update:
    """Return the update that an answer's entry says."""
    record = entry.record
    if isinstance(record, Update):
        return record
    event = event_pb2.Event.FromString(entry.body)
    return update_in(event.answer, event.channel, event.sender)


@lru_cache(maxsize=1024)
def started(agent: str, model: str, attempt: int) -> event_pb2.AnswerStarted:
    """Return what is said when a worker took an answer, made once; not to be changed."""
    return event_pb2.AnswerStarted(agent=agent, model=model, attempt=attempt)
