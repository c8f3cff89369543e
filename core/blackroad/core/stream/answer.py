"""One answer: who asked whom, where it stands, and its way from queued to one of three endings."""

from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import structlog

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.ids import stream_id
from blackroad.core.log.base import Appended
from blackroad.core.log.entry import Position
from blackroad.core.log.record import Record
from blackroad.core.stream import beside
from blackroad.core.stream.folded import Folded
from blackroad.core.stream.invocation import has_more
from blackroad.core.stream.journal import Journal
from blackroad.core.stream.route import Route
from blackroad.core.stream.shared_turns import Turn
from blackroad.core.stream.update import ARMS, Ending, Said, Update, started, updated
from blackroad.core.stream.wheel import Timer
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import event_pb2, stream_pb2

if TYPE_CHECKING:
    from blackroad.core.stream.record import Held

LOG = structlog.get_logger(__name__)
Part = TypeVar("Part", bound=Said)

NOTHING: Final = stream_pb2.Invoke()
UNLABELLED: Final[Mapping[str, str]] = MappingProxyType({})
TOKEN_CHARACTERS: Final = 16  # hardly any token has more
ATTEMPT_BITS: Final = 8
RECORD_BYTES: Final = 1024  # what an answer costs without its parts, about


class Phase(IntEnum):
    """Where an answer stands, as it was decided here.

    Its folded form follows when the log has it.
    """

    QUEUED = 1
    RUNNING = 2
    WAITING = 3
    ENDED = 4


class Answer(msgspec.Struct, eq=False):
    """What is said of it goes to the journal at once; `folded` is what the log has of it.

    Only the node that holds the answer writes it, synchronously, so what is decided first wins
    here; between nodes the log's fence decides.
    """

    journal: Journal
    invoker: Identity
    invoke: stream_pb2.Invoke
    route: Route
    created_ns: int
    stream_id: str = ""  # a new one where none is said
    channel: str = ""
    key: str = ""  # of its channel
    more: bool = False  # whether it is asked more than a text
    conversation: str = ""
    labels: Mapping[str, str] = UNLABELLED
    max_tokens: int = 0  # of output; 0: no limit
    folded: Folded = msgspec.field(default_factory=Folded)
    home: str = ""  # the node that holds it, by its generation; empty: this one
    opened: "Future[None] | None" = None  # once its home, another node, has taken it
    earlier: Sequence[stream_pb2.Message] = ()  # of its conversation, before its own
    ended_ns: int = 0
    turn: Turn | None = None  # in its conversation, where other nodes share it
    room: str = ""  # where it was asked for and is said, and by which event
    asked_by: str = ""
    asked: bool = False  # whether its conversation has what was asked
    ancestors: tuple[str, ...] = ()
    lineage: frozenset[str] = frozenset()  # agents that wait for this answer
    children: "tuple[Answer, ...]" = ()
    moved: bool = False  # another node held it before, and may have more of its children
    phase: Phase = Phase.QUEUED
    attempt: int = 0
    term: int = 0  # grows with each node that takes it over
    worker: Worker | None = None
    held_by: "Held | None" = None  # who had it at the node before
    refused_by: frozenset[str] = frozenset()  # sessions of workers
    ticket: int = 0  # its turn among all that wait
    told_position: int = 0
    input_bytes: int = 0
    output: bool = False  # whether the worker has said anything of the answer itself
    index: int = 0
    deltas: int = 0
    characters: int = 0  # of all deltas, where there is a limit of tokens
    usage: event_pb2.Usage | None = None
    thought: list[str] | None = None  # of the worker's thinking, what is not published yet
    stopping: bool = False
    deadline_at: float = 0.0
    deadline_timer: Timer | None = None
    limit_timer: Timer | None = None
    stop_timer: Timer | None = None
    abandoned_timer: Timer | None = None
    viewers: dict[str, int] | None = None
    partition: int = 0  # of the log; and the place there of the last update, 0 where there is none
    epoch: int = 0
    sequence: int = 0
    on_written: "Callable[[Answer], None] | None" = None  # called once the ending is in the log
    on_refused: "Callable[[Answer], None] | None" = None
    size: int = RECORD_BYTES
    sender: str = ""  # of what is said from now on
    pending: list[Record] | None = None

    def __post_init__(self) -> None:
        invoke = self.invoke
        self.stream_id = self.stream_id or stream_id()
        self.channel = f"stream.{self.stream_id}"
        self.key = f"{self.invoker.tenant}.{self.channel}"
        self.conversation = invoke.conversation
        self.more = has_more(invoke)
        if self.more:
            self.max_tokens = invoke.options.max_tokens
        if invoke.labels:
            self.labels = dict(invoke.labels)

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.invoker.tenant

    @property
    def position(self) -> Position | None:
        """Where its last update lies in its partition of the log; None where none does."""
        return Position(self.epoch, self.sequence) if self.sequence else None

    @property
    def offset(self) -> int:
        """Of its last update in the log; 0 before the first."""
        return self.folded.offset

    @property
    def viewers_count(self) -> int:
        """How many sessions view it now."""
        return len(self.viewers or ())

    @property
    def ended(self) -> bool:
        """Whether an ending was decided."""
        return self.phase is Phase.ENDED

    @property
    def fence(self) -> int:
        """Who writes it now: a later attempt, and a later node, come before."""
        return (self.term << ATTEMPT_BITS) + self.attempt

    @property
    def agent(self) -> str:
        """The name under which it is answered, of an agent or a model.

        Empty before a worker has it.
        """
        agent = self.worker.agent if self.worker else self.folded.agent
        return agent or (self.route.label if self.attempt else "")

    @property
    def tokens(self) -> int:
        """How many tokens of output the core counts.

        One for each delta; where there is a limit, one for each 16 characters if that is more. For
        a model that streams its tokens never too many.
        """
        return max(self.deltas, self.characters // TOKEN_CHARACTERS)

    @property
    def used(self) -> event_pb2.Usage | None:
        """The usage so far: what the worker said last, or what was counted since; None of nothing.

        For endings in which the worker says none.
        """
        said, tokens = self.usage, self.tokens
        if not tokens or (said is not None and said.output_tokens >= tokens):
            return said
        usage = event_pb2.Usage()
        if said is not None:
            usage.input_tokens = said.input_tokens
        usage.output_tokens = tokens
        return usage

    # From state to state. Whoever calls these holds the answer and it has not ended.

    def queue(self, position: int) -> None:
        """Tell that it waits."""
        self.phase = Phase.QUEUED
        self.told_position = position
        self._tell(event_pb2.AnswerQueued(position=position))

    def start(self, model: str = "") -> None:
        """Tell that the worker took it. Idempotent within an attempt."""
        if self.phase is not Phase.QUEUED:
            return
        self.phase = Phase.RUNNING
        worker, agent = self.worker, self.agent
        model = model or (worker.model if worker else "") or self.route.model
        self.sender = agent
        self._tell(started(worker.agent if worker else "", model, self.attempt))
        if not self.folded.attempt:
            self.journal.publish(*beside.task_started(self.tenant, self.stream_id, agent, model))

    def take(self, chunk: stream_pb2.Chunk, arm: str) -> None:
        """Take the worker's next chunk, whose part is `arm`."""
        self.index = index = chunk.index
        self.output = True
        if self.thought and arm != "thinking":
            self._publish_thought()
        if arm == "text":
            self.deltas += 1
            self._write(updated(self.channel, self.sender, index, "text_delta", chunk.text))
        elif arm == "thinking":
            self.deltas += 1
            self._write(updated(self.channel, self.sender, index, "thinking_delta", chunk.thinking))
            if self.worker and self.worker.publish_thinking:
                self.thought = self.thought or []
                self.thought.append(chunk.thinking)
        elif arm == "usage":
            self.usage = _own(chunk.usage)
            self._tell(self.usage)
        elif arm == "tool_call":
            self._tell(_own(chunk.tool_call))
        else:
            self._tell(_own(chunk.tool_result))

    def progress(self, progress: event_pb2.AnswerProgress) -> None:
        """Tell how far the worker is."""
        self._tell(_own(progress))
        self.journal.publish(
            *beside.task_progress(self.tenant, self.stream_id, self.agent, progress)
        )

    def ask(self, asked: event_pb2.AnswerInputRequired) -> None:
        """Wait for an input."""
        self.phase = Phase.WAITING
        self.output = True
        self._tell(_own(asked))

    def give(self, given: event_pb2.AnswerInput) -> None:
        """Go on with an input; CONFLICT where none is waited for."""
        if self.phase is not Phase.WAITING:
            raise Rejection(Code.CONFLICT, "the answer does not wait for an input")
        self.phase = Phase.RUNNING
        self._tell(_own(given))

    def end(self, ending: Ending, ended_ns: int) -> None:
        """Tell the one ending, with the usage so far where it names none."""
        if self.thought:
            self._publish_thought()
        self.phase = Phase.ENDED
        self.invoke, self.earlier = NOTHING, ()  # an ended answer is kept long, its input is not
        self.ended_ns = ended_ns
        for timer in (self.deadline_timer, self.limit_timer, self.stop_timer, self.abandoned_timer):
            if timer is not None:
                timer.cancel()
        self.deadline_timer = self.limit_timer = self.stop_timer = self.abandoned_timer = None
        self._tell(ending)
        self.journal.publish(
            *beside.task_completed(self.tenant, self.stream_id, self.agent, ending)
        )

    # What the journal tells (journal.Page).

    def written(self, records: Sequence[Record], appended: Appended) -> None:
        """Fold what is in the log now."""
        folded = self.folded
        offset = appended.first_offset
        for record in records:
            # One that was given up meanwhile may have been read in the log before.
            if isinstance(record, Update) and offset > folded.offset:
                folded.apply(record, offset)
            offset += 1
        self.partition = appended.partition
        self.epoch, self.sequence = appended.epoch, appended.sequence
        if folded.ending is not None:
            self.size = RECORD_BYTES + folded.size
            if self.on_written:
                self.on_written(self)

    def refused(self, rejection: Rejection) -> None:
        """Let go: what was said is not in the log, so nothing more may be said."""
        LOG.warning("answer.refused", stream_id=self.stream_id, code=rejection.code.name)
        if self.on_refused:
            self.on_refused(self)

    def _tell(self, said: Said) -> None:
        self._write(updated(self.channel, self.sender, self.index, ARMS[type(said)], "", said))

    def _write(self, update: Update) -> None:
        self.journal.write(self, update)

    def _publish_thought(self) -> None:
        thought, self.thought = "".join(self.thought or ()), None
        self.journal.publish(*beside.thinking(self.tenant, self.stream_id, self.agent, thought))


def _own(said: Part) -> Part:
    """Return a copy: a part of a message keeps the whole of it, and all that came with it."""
    return copy(said)
