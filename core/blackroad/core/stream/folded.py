"""An answer in its folded form: what all its updates so far amount to."""

import msgspec

from blackroad.core.stream.update import Ending, Said, Update
from blackroad.realtime.v1 import event_pb2

State = event_pb2.AnswerState


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
    agent: str = ""
    model: str = ""
    attempt: int = 0
    usage: event_pb2.Usage | None = None
    progress: event_pb2.AnswerProgress | None = None
    ending: Ending | None = None
    size: int = 0  # bytes, about

    @classmethod
    def of(cls, snapshot: event_pb2.AnswerSnapshot) -> "Folded":
        """Return what was folded into a snapshot."""
        folded = cls()
        folded.state, folded.index, folded.offset = snapshot.state, snapshot.index, snapshot.offset
        folded.agent, folded.model, folded.attempt = (
            snapshot.agent,
            snapshot.model,
            snapshot.attempt,
        )
        folded.parts = [_unsealed(part) for part in snapshot.parts]
        folded.usage = snapshot.usage if snapshot.HasField("usage") else None
        folded.progress = snapshot.progress if snapshot.HasField("progress") else None
        folded.ending = _ending_of(snapshot)
        return folded

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
            agent=self.agent,
            model=self.model,
            attempt=self.attempt,
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
        match update.said:
            case event_pb2.AnswerStarted() as started:
                self._start(started)
            case event_pb2.AnswerFinished() as finished:
                self._end(finished, event_pb2.ANSWER_STATE_FINISHED)
            case event_pb2.AnswerFailed() as failed:
                self._end(failed, event_pb2.ANSWER_STATE_FAILED)
            case event_pb2.AnswerCancelled() as cancelled:
                self._end(cancelled, event_pb2.ANSWER_STATE_CANCELLED)
            case event_pb2.AnswerQueued():
                self.state = event_pb2.ANSWER_STATE_QUEUED
            case event_pb2.AnswerProgress() as progress:
                self.progress = progress
            case event_pb2.Usage() as usage:
                self.usage = usage
            case _:
                self._add(update.said)

    def _add(self, said: Said | None) -> None:
        match said:
            case event_pb2.ToolCall():
                part = event_pb2.AnswerPart(tool_call=said)
            case event_pb2.ToolResult():
                part = event_pb2.AnswerPart(tool_result=said)
            case event_pb2.AnswerInputRequired():
                part = event_pb2.AnswerPart(input_required=said)
                self.state = event_pb2.ANSWER_STATE_WAITING
            case event_pb2.AnswerInput():
                part = event_pb2.AnswerPart(input=said)
                self.state = event_pb2.ANSWER_STATE_RUNNING
            case _:
                return  # an arm of a later version
        self.size += part.ByteSize()
        self.parts.append(part)

    def _start(self, started: event_pb2.AnswerStarted) -> None:
        self.agent, self.model, self.attempt = started.agent, started.model, started.attempt
        self.progress = None
        self.state = event_pb2.ANSWER_STATE_RUNNING

    def _end(self, ending: Ending, state: State.ValueType) -> None:
        self.ending = ending
        self.state = state
        if ending.HasField("usage"):
            self.usage = ending.usage


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
