"""Answers across nodes: each is held by the node that has its worker; others follow it in the log.

What holds here and elsewhere alike is in `docs/decisions/answers-have-a-home.md`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.fleet.board import Change
from blackroad.core.fleet.fleet import Fleet
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.log.base import Append, Fence, GapReason, Log, Page
from blackroad.core.log.entry import Entry
from blackroad.core.stream import endings
from blackroad.core.stream.answer import Answer, Phase
from blackroad.core.stream.journal import NO_HISTORY
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.pool import Pool
from blackroad.core.stream.shared_turns import Turn
from blackroad.core.stream.update import update_of, updated
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import stream_pb2

WORKER: Final = "worker"
ANSWER: Final = "answer"
LAST_ATTEMPT: Final = 1 << 52  # no worker has it, in no term
REPLAY_BYTES: Final = 1 << 20
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
    term: int = 0
    asked: bool = False  # whether its conversation has what was asked


class _Registered(msgspec.Struct, array_like=True, frozen=True):
    """A worker on the board."""

    tenant: str
    subject: str
    kind: Kind
    register: bytes
    free: int
    load: float
    given: int = 0
    """How many it was given: who was busy and is free again within a tick has changed all the same,
    for others have counted on it (`book`)."""


class Abroad:
    """Knows the workers of other nodes, and follows answers that are held there."""

    def __init__(self, fleet: Fleet, log: Log, hub: Hub, limits: StreamLimits) -> None:
        self.fleet = fleet
        self.pool = Pool(limits)
        self.mirrors: dict[str, Answer] = {}  # in progress elsewhere, by key
        self.closed: Callable[[Answer], None] = lambda answer: None
        self.orphaned: Callable[[Answer], bool] = lambda answer: False
        # Told the key of an answer that another node holds, and in which term.
        self.taken_over: Callable[[str, int], None] = lambda key, term: None
        self.came: Callable[[Worker], None] = _ignore  # a worker of another node is there
        self.freed: Callable[[Worker], None] = _ignore  # one that may take more
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
            worker.given,
        )
        self.fleet.board.put(WORKER, worker.session_id, _ENCODE(shown))

    def hide(self, worker: Worker) -> None:
        """Let other nodes forget a worker. Idempotent."""
        self.fleet.board.drop(WORKER, worker.session_id)

    def home_for(self, answer: Answer, pool: Pool) -> str:
        """Return the node that is to hold a new answer; empty: this one.

        It is the one that has the worker with most free permits, this one among equals; where all
        are busy, this one if it has any that may be given the answer.
        """
        if not self._workers:
            return ""
        mine, found = pool.pick(answer), self.pool.pick(answer)
        if mine is not None and (found is None or found.free <= mine.free):
            return ""
        if found is None and next(pool.workers(answer), None) is None:
            found = next(self.pool.workers(answer), None)
        return self.book(found) if found is not None else ""

    def book(self, worker: Worker) -> str:
        """Count an invocation to a worker of another node, until that says how it stands.

        Return its node.
        """
        worker.max_concurrency -= 1
        return self._nodes[worker.session_id]

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
            answer.term,
            answer.asked,
        )
        await self.fleet.asks.ask(answer.home, "answer.start", _ENCODE(start))

    def follow(self, answer: Answer) -> Answer:
        """Fold from now on what the log says of an answer that is held elsewhere.

        Returns the one that is followed: of several who looked for it at once, the first's.
        """
        followed = self.mirrors.setdefault(answer.key, answer)
        if followed is answer:
            self._hub.watch(answer.key, self._hear)
        return followed

    def leave(self, answer: Answer) -> None:
        """Stop following. Idempotent."""
        if self.mirrors.get(answer.key) is answer:
            del self.mirrors[answer.key]
            self._hub.unwatch(answer.key, self._hear)

    async def find(self, key: str, make: Callable[[str, bytes], Answer]) -> Answer | None:
        """Return a mirror of an answer that some other node knows; None where none does."""
        early: list[Entry] = []
        self._hub.watch(key, early.append)
        try:
            shown = await self.fleet.asks.ask_each(self.fleet.others, "answer.find", key.encode())
        finally:
            self._hub.unwatch(key, early.append)
        if not shown:
            return None
        answer = make(key, shown[0])
        if not answer.ended:
            answer = self.follow(answer)
            self.hear(early)
        return answer

    async def replay(self, answer: Answer) -> bool:
        """Fold what the log has after an answer's place; tell whether nothing is missing."""
        hub, key = self._hub, answer.key
        position = answer.position
        if position is None:
            return False
        until = hub.heads
        number = answer.partition
        after = (*until[:number], position, *until[number + 1 :])
        await hub.log.ready((key,))
        while after[number] < until[number]:
            page = hub.log.read((key,), after, until, REPLAY_BYTES, _all)
            if page is None:
                page = await hub.log.fetch((key,), after, until)
            if isinstance(page, GapReason):
                return False
            if isinstance(page, Page):
                for entry in page.entries:
                    _fold(answer, entry)
                after = page.reached
        return True

    def hear(self, entries: Sequence[Entry]) -> None:
        """Fold what came of answers that are followed, while it was found where they stand."""
        for entry in entries:
            self._hear(entry)

    def tell(self, answer: Answer, kind: str, *words: str) -> None:
        """Tell the home of an answer something, without waiting."""
        self.soon(self._told(answer.home, kind, _ENCODE((answer.key, *words))))

    def soon(self, work: Coroutine[object, object, None]) -> None:
        """Do something that nobody waits for; it ends with the node."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hold(self, answer: Answer) -> None:
        """Let others know that this node holds an answer, so that it can be ended without it.

        And in which term: of two that say so the later one holds it; the other stood still.
        """
        self._orphans.pop(answer.key, None)
        if not self.alone:
            self.fleet.board.put(ANSWER, answer.key, b"%d" % answer.term)

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
        _fold(answer, entry)
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
        if worker.free > 0:
            self.freed(worker)

    def _hear_answer(self, change: Change) -> None:
        if change.lost and change.mine:
            if not self.is_held(change.key):  # else its worker took it along before
                self._orphans[change.key] = None
        elif change.value is not None and not change.mine:
            self._orphans.pop(change.key, None)  # another node has it now
            self._place(change.key, change.node, int(change.value or b"0"))
        elif not change.lost:
            self._look_again(change.key, change.node)

    def _look_again(self, key: str, node: str) -> None:
        """Take that a node has let go of an answer: who else holds it may have done so before."""
        mirror = self.mirrors.get(key)
        if mirror is not None and mirror.home == node:
            mirror.term = 0
            for other, value in self.fleet.board.claims(ANSWER, key):
                self._place(key, other, int(value or b"0"))

    def _place(self, key: str, node: str, term: int) -> None:
        """Take that a node holds an answer in a term, unless another does in a later one."""
        if (mirror := self.mirrors.get(key)) is None:
            self.taken_over(key, term)
        elif term >= mirror.term:
            mirror.home, mirror.term = node, term

    def _lose(self, node: str, mine: bool) -> None:
        """Go on with, or end, what a lost node held."""
        for answer in [one for one in self.mirrors.values() if one.home == node]:
            if self.orphaned(answer):
                self._orphans.pop(answer.key, None)
            else:
                self._orphans[answer.key] = None
        if self._orphans:
            self.soon(self._end_orphans(list(self._orphans)))
        del mine

    def is_held(self, key: str) -> bool:
        """Tell whether a node says that it holds an answer, by its channel's key."""
        board, place = self.fleet.board, (ANSWER, key)
        return board.has(*place) or any(place in board.items(node) for node in self.fleet.others)

    def expect(self, answer: Answer) -> None:
        """End an answer that no node holds, where none says within the grace that it does."""
        self._expect(answer.key)

    def _expect(self, key: str) -> None:
        self._orphans[key] = None
        self.soon(self._end_orphans([key]))

    async def _end_orphans(self, keys: Sequence[str]) -> None:
        """End what no node holds after the grace; of several nodes that try, the log takes one."""
        await asyncio.sleep(self._grace_seconds)
        left = [key for key in keys if key in self._orphans]
        for key in left:
            del self._orphans[key]
        orphans = [key for key in left if not self.is_held(key)]
        appends = [
            Append(
                key,
                [
                    updated(
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
        answers = await self._log.append(appends) if appends else []
        for append, answer in zip(appends, answers, strict=True):
            if isinstance(answer, Rejection) and answer.code is not Code.CONFLICT:
                self._expect(append.key)  # the log is away: later


def _fold(answer: Answer, entry: Entry) -> None:
    answer.folded.apply(update_of(entry), entry.offset)
    answer.partition = entry.partition
    answer.epoch, answer.sequence = entry.epoch, entry.sequence


def _all(key: str) -> bool:
    return True


def _ignore(worker: Worker) -> None:
    """Tell nobody."""


def _nothing(frame: bytes) -> None:
    """Send nothing: it is another node that speaks with this worker."""
