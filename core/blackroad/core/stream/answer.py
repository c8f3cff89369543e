"""One answer: who asked whom, where it stands, and its way from queued to one of three endings."""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Final

import structlog

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.ids import event_id, stream_id
from blackroad.core.log.base import Appended, Record
from blackroad.core.log.entry import Position
from blackroad.core.stream import beside
from blackroad.core.stream.folded import Folded
from blackroad.core.stream.journal import Journal
from blackroad.core.stream.route import Route
from blackroad.core.stream.wheel import Timer
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import event_pb2, stream_pb2

LOG = structlog.get_logger(__name__)
NOTHING: Final = stream_pb2.Invoke()
UNLABELLED: Final[Mapping[str, str]] = MappingProxyType({})
RECORD_BYTES: Final = 1024  # what an answer costs without its parts, about
TYPE: Final = "agent.response"


class Phase(IntEnum):
    """Where an answer stands, as it was decided here.

    Its folded form follows when the log has it.
    """

    QUEUED = 1
    RUNNING = 2
    WAITING = 3
    ENDED = 4


class Answer:
    """What is said of it goes to the journal at once; `folded` is what the log has of it.

    Only the node that holds the answer writes it, synchronously, so what is decided first wins
    here; between nodes the log's fence decides.
    """

    __slots__ = (
        "abandoned_timer",
        "ancestors",
        "asked_by",
        "attempt",
        "children",
        "conversation",
        "created_ns",
        "deadline_at",
        "deadline_timer",
        "deltas",
        "ended_ns",
        "folded",
        "index",
        "input_bytes",
        "invoke",
        "invoker",
        "journal",
        "key",
        "labels",
        "limit_timer",
        "lineage",
        "max_tokens",
        "messages",
        "on_refused",
        "on_written",
        "output",
        "partition",
        "phase",
        "position",
        "prefix",
        "refused_by",
        "room",
        "route",
        "size",
        "stop_timer",
        "stopping",
        "stream_id",
        "thought",
        "ticket",
        "told_position",
        "usage",
        "viewers",
        "worker",
    )

    def __init__(
        self,
        journal: Journal,
        invoker: Identity,
        invoke: stream_pb2.Invoke,
        route: Route,
        created_ns: int,
    ) -> None:
        self.stream_id = stream_id()
        self.key = f"{invoker.tenant}.stream.{self.stream_id}"
        self.journal = journal
        self.invoker = invoker
        self.invoke = invoke
        self.messages: Sequence[stream_pb2.Message] = invoke.messages
        self.route = route
        self.created_ns = created_ns
        self.ended_ns = 0
        self.conversation = invoke.conversation
        self.labels: Mapping[str, str] = dict(invoke.labels) if invoke.labels else UNLABELLED
        self.room = ""  # where it was asked for and is said, and by which event
        self.asked_by = ""
        self.ancestors: tuple[str, ...] = ()
        self.lineage: frozenset[str] = frozenset()  # agents that wait for this answer
        self.children: list[Answer] = []
        self.phase = Phase.QUEUED
        self.attempt = 0
        self.worker: Worker | None = None
        self.refused_by: set[str] | None = None
        self.ticket = 0  # its turn among all that wait
        self.told_position = 0
        self.input_bytes = 0
        self.output = False  # whether the worker has said anything of the answer itself
        self.index = 0
        self.deltas = 0
        self.max_tokens = invoke.options.max_tokens
        self.usage: event_pb2.Usage | None = None
        self.thought: list[str] = []
        self.stopping = False
        self.deadline_at = 0.0
        self.deadline_timer: Timer | None = None
        self.limit_timer: Timer | None = None
        self.stop_timer: Timer | None = None
        self.abandoned_timer: Timer | None = None
        self.viewers: dict[str, int] | None = None
        self.folded = Folded()
        self.partition = 0
        self.position: Position | None = None  # of the last update in the log
        self.on_written: Callable[[Answer], None] | None = (
            None  # called once, when the ending is in the log
        )
        self.on_refused: Callable[[Answer], None] | None = None
        self.size = RECORD_BYTES
        self.prefix = event_pb2.Event(
            channel=f"stream.{self.stream_id}", type=TYPE
        ).SerializeToString()

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.invoker.tenant

    @property
    def viewers_count(self) -> int:
        """How many sessions view it now."""
        return len(self.viewers or ())

    @property
    def ended(self) -> bool:
        """Whether an ending was decided."""
        return self.phase is Phase.ENDED

    @property
    def agent(self) -> str:
        """The name under which it is answered, of an agent or a model.

        Empty before a worker has it.
        """
        agent = self.worker.agent if self.worker else self.folded.agent
        return agent or (self.route.label if self.attempt else "")

    # From state to state. Whoever calls these holds the answer and it has not ended.

    def queue(self, position: int) -> None:
        """Tell that it waits."""
        self.phase = Phase.QUEUED
        self.told_position = position
        self._tell(event_pb2.AnswerUpdate(queued=event_pb2.AnswerQueued(position=position)))

    def start(self, model: str = "") -> None:
        """Tell that the worker took it. Idempotent within an attempt."""
        if self.phase is not Phase.QUEUED:
            return
        self.phase = Phase.RUNNING
        worker, agent = self.worker, self.agent
        model = model or (worker.model if worker else "") or self.route.model
        self.prefix += beside.sent_by(agent)
        started = event_pb2.AnswerStarted(
            agent=worker.agent if worker else "", model=model, attempt=self.attempt
        )
        self._tell(event_pb2.AnswerUpdate(started=started))
        if not self.folded.attempt:
            self.journal.publish(*beside.task_started(self.tenant, self.stream_id, agent, model))

    def take(self, chunk: stream_pb2.Chunk, arm: str) -> None:
        """Take the worker's next chunk, whose part is `arm`."""
        self.index = index = chunk.index
        self.output = True
        if arm == "text":
            self.deltas += 1
            update = event_pb2.AnswerUpdate(index=index, text_delta=chunk.text)
        elif arm == "thinking":
            self.deltas += 1
            update = event_pb2.AnswerUpdate(index=index, thinking_delta=chunk.thinking)
            if self.worker and self.worker.publish_thinking:
                self.thought.append(chunk.thinking)
        elif arm == "usage":
            update = event_pb2.AnswerUpdate(index=index, usage=chunk.usage)
            self.usage = update.usage
        elif arm == "tool_call":
            update = event_pb2.AnswerUpdate(index=index, tool_call=chunk.tool_call)
        else:
            update = event_pb2.AnswerUpdate(index=index, tool_result=chunk.tool_result)
        if self.thought and arm != "thinking":
            self._publish_thought()
        self._tell(update)

    def progress(self, progress: event_pb2.AnswerProgress) -> None:
        """Tell how far the worker is."""
        self._tell(event_pb2.AnswerUpdate(index=self.index, progress=progress))
        self.journal.publish(
            *beside.task_progress(self.tenant, self.stream_id, self.agent, progress)
        )

    def ask(self, asked: event_pb2.AnswerInputRequired) -> None:
        """Wait for an input."""
        self.phase = Phase.WAITING
        self.output = True
        self._tell(event_pb2.AnswerUpdate(index=self.index, input_required=asked))

    def give(self, given: event_pb2.AnswerInput) -> None:
        """Go on with an input; CONFLICT where none is waited for."""
        if self.phase is not Phase.WAITING:
            raise Rejection(Code.CONFLICT, "the answer does not wait for an input")
        self.phase = Phase.RUNNING
        self._tell(event_pb2.AnswerUpdate(index=self.index, input=given))

    def end(self, update: event_pb2.AnswerUpdate, ended_ns: int) -> None:
        """Tell the one ending, with the usage so far where it names none."""
        if self.thought:
            self._publish_thought()
        self.phase = Phase.ENDED
        self.invoke, self.messages = NOTHING, ()  # an ended answer is kept long, its input is not
        self.ended_ns = ended_ns
        for timer in (self.deadline_timer, self.limit_timer, self.stop_timer, self.abandoned_timer):
            if timer is not None:
                timer.cancel()
        self._tell(update, ends=True)
        self.journal.publish(
            *beside.task_completed(self.tenant, self.stream_id, self.agent, update)
        )

    # What the journal tells (journal.Page).

    def written(self, records: Sequence[Record], appended: Appended) -> None:
        """Fold what is in the log now."""
        folded = self.folded
        offset = appended.first_offset
        for record in records:
            if record.answer is not None:
                folded.apply(record.answer, offset)
            offset += 1
        self.position = appended.position
        self.partition = appended.partition
        if folded.ending is not None:
            self.size = RECORD_BYTES + folded.size
            if self.on_written:
                self.on_written(self)

    def refused(self, rejection: Rejection) -> None:
        """Let go: what was said is not in the log, so nothing more may be said."""
        LOG.warning("answer.refused", stream_id=self.stream_id, code=rejection.code.name)
        if self.on_refused:
            self.on_refused(self)

    def _tell(self, update: event_pb2.AnswerUpdate, *, ends: bool = False) -> None:
        event = event_pb2.Event(id=event_id(), answer=update)
        record = Record(event.id, TYPE, self.prefix + event.SerializeToString(), 0, update)
        self.journal.write(self, record, ends=ends)

    def _publish_thought(self) -> None:
        thought, self.thought = "".join(self.thought), []
        self.journal.publish(*beside.thinking(self.tenant, self.stream_id, self.agent, thought))
