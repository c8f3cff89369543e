"""An answer as nodes hand it to each other, and as the log keeps it for when its node is gone."""

from typing import Final

import msgspec

from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.stream.answer import Answer, Phase
from blackroad.core.stream.folded import Folded
from blackroad.core.stream.journal import Journal
from blackroad.core.stream.route import route_of
from blackroad.core.stream.shared_turns import Turn
from blackroad.realtime.v1 import event_pb2, stream_pb2

NS: Final = 1_000_000_000


class Held(msgspec.Struct, array_like=True, frozen=True):
    """By whom an answer was worked on."""

    tenant: str
    subject: str
    kind: Kind
    agent: str


class Going(msgspec.Struct, array_like=True, frozen=True):
    """What only the node needs that holds an answer in progress."""

    identity: Identity  # on whose behalf
    invoke: bytes
    attempt: int
    term: int
    deadline_ns: int  # Unix
    ancestors: tuple[str, ...]
    lineage: frozenset[str]
    turn: Turn | None
    room: str
    asked_by: str
    worker: Held | None
    deltas: int
    characters: int


class Record(msgspec.Struct, array_like=True, frozen=True):
    """An answer in its folded form, which contains all up to a place in the log."""

    home: str
    tenant: str
    subject: str
    kind: Kind
    target: bytes
    on_abandoned: int
    conversation: str
    labels: dict[str, str]
    created_ns: int
    ended_ns: int
    snapshot: bytes
    partition: int
    position: tuple[int, int] | None
    going: Going | None = None


_DECODER: Final = msgspec.msgpack.Decoder(Record)


def read_record(value: bytes) -> Record:
    """Return the record that was encoded."""
    return _DECODER.decode(value)


def record_of(answer: Answer, home: str, going: Going | None = None) -> bytes:
    """Return an answer's record, encoded."""
    who = answer.invoker
    record = Record(
        home,
        who.tenant,
        who.subject,
        who.kind,
        answer.route.target.SerializeToString(),
        answer.invoke.on_abandoned,
        answer.conversation,
        dict(answer.labels),
        answer.created_ns,
        answer.ended_ns,
        answer.folded.snapshot(answer.stream_id).SerializeToString(),
        answer.partition,
        (answer.epoch, answer.sequence) if answer.sequence else None,
        going,
    )
    return msgspec.msgpack.encode(record)


def going_of(answer: Answer, deadline_ns: int) -> Going:
    """Return what another node needs to go on with an answer in progress."""
    worker = answer.worker
    held = answer.held_by
    if worker is not None:
        who = worker.identity
        held = Held(who.tenant, who.subject, who.kind, worker.agent)
    return Going(
        answer.invoker,
        answer.invoke.SerializeToString(),
        answer.attempt,
        answer.term,
        deadline_ns,
        answer.ancestors,
        answer.lineage,
        answer.turn,
        answer.room,
        answer.asked_by,
        held,
        answer.deltas,
        answer.characters,
    )


def answer_of(record: Record, stream_id: str, journal: Journal) -> Answer:
    """Return an answer that is held elsewhere, as a record tells it."""
    invoke = stream_pb2.Invoke(
        target=stream_pb2.Target.FromString(record.target),
        on_abandoned=stream_pb2.OnAbandoned.ValueType(record.on_abandoned),
        conversation=record.conversation,
        labels=record.labels,
    )
    invoker = Identity(record.tenant, record.subject, record.kind)
    route = route_of(record.tenant, invoke.target, lambda key: True, lambda prefix: True)
    answer = Answer(journal, invoker, invoke, route, record.created_ns, stream_id)
    answer.home = record.home
    answer.folded = Folded.of(event_pb2.AnswerSnapshot.FromString(record.snapshot))
    answer.ended_ns = record.ended_ns
    answer.partition = record.partition
    if record.position is not None:
        answer.epoch, answer.sequence = record.position
    if answer.folded.ended:
        answer.phase = Phase.ENDED
    return answer


def go_on(answer: Answer, going: Going, left_seconds: float, now: float) -> None:
    """Make an answer one that this node may hold, as far as its folded form has come."""
    folded = answer.folded
    answer.home = ""
    answer.invoker, answer.invoke = going.identity, stream_pb2.Invoke.FromString(going.invoke)
    answer.more = True
    answer.input_bytes = len(going.invoke)
    answer.max_tokens = answer.invoke.options.max_tokens
    answer.deadline_at = now + left_seconds
    answer.attempt, answer.term = going.attempt, going.term
    answer.ancestors, answer.lineage, answer.moved = going.ancestors, going.lineage, True
    answer.turn, answer.held_by = going.turn, going.worker
    answer.room, answer.asked_by = answer.room or going.room, answer.asked_by or going.asked_by
    answer.deltas, answer.characters = going.deltas, going.characters
    answer.index, answer.usage, answer.sender = folded.index, folded.usage, folded.agent
    answer.output = bool(folded.parts)
    answer.phase = {
        event_pb2.ANSWER_STATE_RUNNING: Phase.RUNNING,
        event_pb2.ANSWER_STATE_WAITING: Phase.WAITING,
    }.get(folded.state, Phase.QUEUED)
