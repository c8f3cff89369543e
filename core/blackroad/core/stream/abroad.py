"""Answers across nodes: each is held by the node that has its worker; others follow it in the log.

What holds here and elsewhere alike is in `docs/decisions/answers-have-a-home.md`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.fleet.board import Change
from blackroad.core.fleet.fleet import Fleet
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.log.base import Append, Fence, Log
from blackroad.core.log.entry import Entry, Position
from blackroad.core.stream import endings
from blackroad.core.stream.answer import Answer, Phase
from blackroad.core.stream.folded import Folded
from blackroad.core.stream.journal import NO_HISTORY
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.pool import Pool
from blackroad.core.stream.shared_turns import Turn
from blackroad.core.stream.update import Update, update_of
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import event_pb2, stream_pb2

WORKER: Final = "worker"
ANSWER: Final = "answer"
LAST_ATTEMPT: Final = 1 << 30  # no worker has it
_ENCODE = msgspec.msgpack.encode


class Start(msgspec.Struct, array_like=True, frozen=True):
    """An invocation that is handed to the node that has a worker for it."""

    identity: Identity
    invoke: bytes
    stream_id: str
    ancestors: tuple[str, ...]
    lineage: frozenset[str]
    seconds: float  # until its deadline
    attempt: int = 0  # that it has had
    turn: Turn | None = None  # in its conversation


class Shown(msgspec.Struct, array_like=True, frozen=True):
    """An answer as its node shows it to another."""

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


class _Registered(msgspec.Struct, array_like=True, frozen=True):
    """A worker on the board."""

    tenant: str
    subject: str
    kind: Kind
    register: bytes
    free: int
    load: float


class Abroad:
    """Knows the workers of other nodes, and follows answers that are held there."""

    def __init__(self, fleet: Fleet, log: Log, hub: Hub, limits: StreamLimits) -> None:
        self.fleet = fleet
        self.pool = Pool(limits)
        self.mirrors: dict[str, Answer] = {}  # in progress elsewhere, by key
        self.closed: Callable[[Answer], None] = lambda answer: None
        self.orphaned: Callable[[Answer], bool] = lambda answer: False
        self.came: Callable[[Worker], None] = _ignore  # a worker of another node is there
        self.went: Callable[[Worker], None] = _ignore
        self._log = log
        self._hub = hub
        self._grace_seconds = limits.grace_seconds
        self._nodes: dict[str, str] = {}  # of workers, by session
        self._workers: dict[str, Worker] = {}
        self._orphans: dict[str, None] = {}  # answers of lost nodes that nobody holds
        self._tasks: set[asyncio.Task[None]] = set()
        fleet.board.listen(WORKER, self._hear_worker)
        fleet.board.listen(ANSWER, self._hear_answer)
        fleet.listeners.append(self._lose)

    @property
    def alone(self) -> bool:
        """Whether there are no other nodes."""
        return self.fleet.alone

    async def run(self) -> None:
        """End, when cancelled, what is done without anybody waiting."""
        try:
            await asyncio.Event().wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # Workers.

    def show(self, worker: Worker) -> None:
        """Let other nodes know a worker of this one, and how much it takes now."""
        if self.alone:
            return
        if worker.draining or not worker.keys:
            self.fleet.board.drop(WORKER, worker.session_id)
            return
        register = stream_pb2.Register()
        register.CopyFrom(worker.register)
        register.ClearField("resumed")
        register.ClearField("metadata_json")
        who = worker.identity
        shown = _Registered(
            who.tenant,
            who.subject,
            who.kind,
            register.SerializeToString(deterministic=True),
            worker.free,
            worker.load,
        )
        self.fleet.board.put(WORKER, worker.session_id, _ENCODE(shown))

    def hide(self, worker: Worker) -> None:
        """Let other nodes forget a worker. Idempotent."""
        self.fleet.board.drop(WORKER, worker.session_id)

    def home_for(self, answer: Answer, pool: Pool) -> str:
        """Return the node that is to hold a new answer; empty: this one.

        A free worker here comes before a free one elsewhere, and that before waiting here.
        """
        if not self._workers or pool.pick(answer) is not None:
            return ""
        found = self.pool.pick(answer)
        if found is None and next(pool.workers(answer), None) is None:
            found = next(self.pool.workers(answer), None)
        if found is None:
            return ""
        found.max_concurrency -= 1  # until it says how it stands
        return self._nodes[found.session_id]

    # Answers that are held elsewhere.

    async def start(self, answer: Answer, seconds: float) -> None:
        """Hand an invocation to the answer's home. Raises its `Rejection`."""
        start = Start(
            answer.invoker,
            answer.invoke.SerializeToString(),
            answer.stream_id,
            answer.ancestors,
            answer.lineage,
            seconds,
            answer.attempt,
            answer.turn,
        )
        await self.fleet.asks.ask(answer.home, "answer.start", _ENCODE(start))

    def follow(self, answer: Answer) -> None:
        """Fold from now on what the log says of an answer that is held elsewhere."""
        self.mirrors[answer.key] = answer
        self._hub.watch(answer.key, self._hear)

    def leave(self, answer: Answer) -> None:
        """Stop following. Idempotent."""
        if self.mirrors.pop(answer.key, None) is not None:
            self._hub.unwatch(answer.key, self._hear)

    async def find(self, key: str, make: Callable[[Shown], Answer]) -> Answer | None:
        """Return a mirror of an answer that some other node knows; None where none does."""
        early: list[Entry] = []
        self._hub.watch(key, early.append)
        try:
            shown = await self.fleet.asks.ask_each(self.fleet.others, "answer.find", key.encode())
        finally:
            self._hub.unwatch(key, early.append)
        if not shown:
            return None
        said = msgspec.msgpack.decode(shown[0], type=Shown)
        answer = make(said)
        answer.home = said.home
        answer.folded = Folded.of(event_pb2.AnswerSnapshot.FromString(said.snapshot))
        answer.created_ns, answer.ended_ns = said.created_ns, said.ended_ns
        answer.partition = said.partition
        answer.position = Position(*said.position) if said.position is not None else None
        if answer.folded.ended:
            answer.phase = Phase.ENDED
            return answer
        self.follow(answer)
        for entry in early:
            self._hear(entry)
        return answer

    def shown(self, answer: Answer) -> bytes:
        """Return an answer as another node is to know it."""
        who = answer.invoker
        return _ENCODE(
            Shown(
                self.fleet.node,
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
                (answer.position.epoch, answer.position.sequence) if answer.position else None,
            )
        )

    def tell(self, answer: Answer, kind: str, *words: str) -> None:
        """Tell the home of an answer something, without waiting."""
        self.soon(self._told(answer.home, kind, _ENCODE((answer.key, *words))))

    def soon(self, work: Coroutine[object, object, None]) -> None:
        """Do something that nobody waits for; it ends with the node."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hold(self, answer: Answer) -> None:
        """Let others know that this node holds an answer, so that it can be ended without it."""
        if not self.alone:
            self.fleet.board.put(ANSWER, answer.key, b"")

    def drop(self, answer: Answer) -> None:
        """Let others forget it. Idempotent."""
        if not self.alone:
            self.fleet.board.drop(ANSWER, answer.key)

    # Within.

    async def _told(self, node: str, kind: str, word: bytes) -> None:
        try:
            await self.fleet.asks.ask(node, kind, word)
        except Rejection:
            return  # it was a request; who made it sees what becomes of the answer

    def _hear(self, entry: Entry) -> None:
        answer = self.mirrors.get(entry.key)
        if answer is None or entry.offset <= answer.folded.offset:
            return
        answer.folded.apply(update_of(entry), entry.offset)
        answer.position, answer.partition = entry.position, entry.partition
        if answer.folded.ended:
            self.leave(answer)
            answer.phase = Phase.ENDED
            answer.ended_ns = entry.time_ns
            answer.size += answer.folded.size
            self.closed(answer)

    def _hear_worker(self, change: Change) -> None:
        if change.mine and not change.lost:
            return
        former = self._workers.pop(change.key, None)
        if former is not None:
            self.pool.leave(former)
            del self._nodes[change.key]
        if change.value is not None:
            self._enter(change, change.value)
        if former is not None:
            self.went(former)

    def _enter(self, change: Change, value: bytes) -> None:
        said = msgspec.msgpack.decode(value, type=_Registered)
        worker = Worker(change.key, Identity(said.tenant, said.subject, said.kind), _nothing)
        worker.serve(stream_pb2.Register.FromString(said.register))
        worker.max_concurrency, worker.load = said.free, said.load
        self._workers[change.key] = worker
        self._nodes[change.key] = change.node
        self.pool.enter(worker)
        self.came(worker)

    def _hear_answer(self, change: Change) -> None:
        if change.lost and change.mine:
            self._orphans[change.key] = None
        elif change.value is not None:
            self._orphans.pop(change.key, None)  # another node has it now

    def _lose(self, node: str, mine: bool) -> None:
        """Go on with, or end, what a lost node held."""
        for answer in [one for one in self.mirrors.values() if one.home == node]:
            if self.orphaned(answer):
                self._orphans.pop(answer.key, None)
            else:
                self._orphans[answer.key] = None
        if self._orphans:
            self.soon(self._end_orphans())
        del mine

    async def _end_orphans(self) -> None:
        """End what no node holds after the grace; of several nodes that try, the log takes one."""
        await asyncio.sleep(self._grace_seconds)
        orphans, self._orphans = list(self._orphans), {}
        appends = [
            Append(
                key,
                [
                    Update(
                        key.partition(".")[2],
                        "",
                        0,
                        "failed",
                        "",
                        endings.failed(Code.AGENT_LOST, None),
                    )
                ],
                NO_HISTORY,
                None,
                Fence(LAST_ATTEMPT, ends=True),
            )
            for key in orphans
        ]
        if appends:
            await self._log.append(appends)


def _ignore(worker: Worker) -> None:
    """Tell nobody."""


def _nothing(frame: bytes) -> None:
    """Send nothing: it is another node that speaks with this worker."""
