"""An answer in its folded form: what all its updates so far amount to."""

from typing import Final

import msgspec

from blackroad.core.stream.update import Ending, Said, Update
from blackroad.realtime.v1 import event_pb2

State = event_pb2.AnswerState
STATES: Final[dict[str, State.ValueType]] = {
    "queued": event_pb2.ANSWER_STATE_QUEUED,
    "started": event_pb2.ANSWER_STATE_RUNNING,
    "input_required": event_pb2.ANSWER_STATE_WAITING,
    "input": event_pb2.ANSWER_STATE_RUNNING,
    "finished": event_pb2.ANSWER_STATE_FINISHED,
    "failed": event_pb2.ANSWER_STATE_FAILED,
    "cancelled": event_pb2.ANSWER_STATE_CANCELLED,
}
"""Where an answer stands after an update; others leave it as it was."""

_NOT_STARTED: Final = event_pb2.AnswerStarted()


class Run(msgspec.Struct, gc=False, eq=False):
    """Neighbouring deltas of one kind, joined when somebody asks.

    Linear in what was said, however it was cut.
    """

    thinking: bool
    pieces: list[str]

    def add(self, delta: str) -> None:
        """Add to its end."""
        self.pieces.append(delta)

    @property
    def text(self) -> str:
        """All of it."""
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0]


Part = Run | event_pb2.AnswerPart


class Folded(msgspec.Struct, gc=False, eq=False):
    """Folds updates in their order.

    Folding a snapshot of some and then the rest gives the same as folding all.
    """

    state: State.ValueType = event_pb2.ANSWER_STATE_QUEUED
    parts: list[Part] = []
    index: int = 0
    offset: int = 0
    started: event_pb2.AnswerStarted = _NOT_STARTED  # by the latest attempt
    usage: event_pb2.Usage | None = None
    progress: event_pb2.AnswerProgress | None = None
    ending: Ending | None = None
    size: int = 0  # bytes, about

    @classmethod
    def of(cls, snapshot: event_pb2.AnswerSnapshot) -> "Folded":
        """Return what was folded into a snapshot."""
        folded = cls()
        folded.state, folded.index, folded.offset = snapshot.state, snapshot.index, snapshot.offset
        folded.started = event_pb2.AnswerStarted(
            agent=snapshot.agent, model=snapshot.model, attempt=snapshot.attempt
        )
        folded.parts = [_unsealed(part) for part in snapshot.parts]
        folded.usage = snapshot.usage if snapshot.HasField("usage") else None
        folded.progress = snapshot.progress if snapshot.HasField("progress") else None
        folded.ending = _ending_of(snapshot)
        return folded

    @property
    def agent(self) -> str:
        """Who answers, by the latest attempt."""
        return self.started.agent

    @property
    def attempt(self) -> int:
        """The latest attempt that started; 0: none."""
        return self.started.attempt

    @property
    def ended(self) -> bool:
        """Whether the ending is folded in."""
        return self.ending is not None

    @property
    def text(self) -> str:
        """The answer's text: all deltas joined, without thinking."""
        runs = (part.text for part in self.parts if isinstance(part, Run) and not part.thinking)
        return "".join(runs)

    def apply(self, update: Update, offset: int) -> None:
        """Fold the update that has this offset."""
        self.offset = offset
        if update.index > self.index:
            self.index = update.index
        if update.arm == "text_delta":
            self._say(False, update.text)
        elif update.arm == "thinking_delta":
            self._say(True, update.text)
        else:
            self._step(update)

    def snapshot(
        self, stream_id: str, cursor: str = "", *, parts: bool = True
    ) -> event_pb2.AnswerSnapshot:
        """Return the message that says all this, or all but the parts."""
        snapshot = event_pb2.AnswerSnapshot(
            stream_id=stream_id,
            state=self.state,
            parts=[_sealed(part) for part in self.parts] if parts else (),
            index=self.index,
            offset=self.offset,
            cursor=cursor,
            agent=self.started.agent,
            model=self.started.model,
            attempt=self.started.attempt,
            usage=self.usage,
            progress=self.progress,
        )
        match self.ending:
            case event_pb2.AnswerFinished() as ending:
                snapshot.finished.CopyFrom(ending)
            case event_pb2.AnswerFailed() as ending:
                snapshot.failed.CopyFrom(ending)
            case event_pb2.AnswerCancelled() as ending:
                snapshot.cancelled.CopyFrom(ending)
            case None:
                pass
        return snapshot

    def _say(self, thinking: bool, delta: str) -> None:
        self.size += len(delta) if delta.isascii() else len(delta.encode())
        last = self.parts[-1] if self.parts else None
        if isinstance(last, Run) and last.thinking is thinking:
            last.add(delta)
        else:
            self.parts.append(Run(thinking, [delta]))

    def _step(self, update: Update) -> None:
        self.state = STATES.get(update.arm, self.state)
        said = update.said
        if isinstance(said, event_pb2.AnswerStarted):
            self.started = said
            self.progress = None
        elif isinstance(said, Ending):
            self.ending = said
            if said.HasField("usage"):
                self.usage = said.usage
        elif isinstance(said, event_pb2.AnswerProgress):
            self.progress = said
        elif isinstance(said, event_pb2.Usage):
            self.usage = said
        else:
            self._add(said)

    def _add(self, said: Said | None) -> None:
        match said:
            case event_pb2.ToolCall():
                part = event_pb2.AnswerPart(tool_call=said)
            case event_pb2.ToolResult():
                part = event_pb2.AnswerPart(tool_result=said)
            case event_pb2.AnswerInputRequired():
                part = event_pb2.AnswerPart(input_required=said)
            case event_pb2.AnswerInput():
                part = event_pb2.AnswerPart(input=said)
            case _:
                return  # it adds no part, or is an arm of a later version
        self.size += part.ByteSize()
        self.parts.append(part)


def _sealed(part: Part) -> event_pb2.AnswerPart:
    if not isinstance(part, Run):
        return part
    if part.thinking:
        return event_pb2.AnswerPart(thinking=part.text)
    return event_pb2.AnswerPart(text=part.text)


def _unsealed(part: event_pb2.AnswerPart) -> Part:
    match part.WhichOneof("part"):
        case "text":
            return Run(False, [part.text])
        case "thinking":
            return Run(True, [part.thinking])
        case _:
            return part


def _ending_of(snapshot: event_pb2.AnswerSnapshot) -> Ending | None:
    match snapshot.WhichOneof("ending"):
        case "finished":
            return snapshot.finished
        case "failed":
            return snapshot.failed
        case "cancelled":
            return snapshot.cancelled
        case _:
            return None
