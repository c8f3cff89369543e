"""Answers that move between nodes: handed out, found, given up, and brought along by workers."""

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.entry import Entry
from blackroad.core.names import unscope
from blackroad.core.stream import endings
from blackroad.core.stream.abroad import Start
from blackroad.core.stream.answer import Answer, Phase
from blackroad.core.stream.record import (
    NS,
    Going,
    Record,
    answer_of,
    going_of,
    read_record,
    record_of,
)
from blackroad.core.stream.route import route_of
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import event_pb2, stream_pb2

if TYPE_CHECKING:
    from blackroad.core.stream.answers import Answers

YIELD_SECONDS: Final = 1.0
ENDING_SECONDS: Final = 2.0  # that an ending takes to be in the log, at most
MAX_RESUMED: Final = 256


class Homes:
    """What a node does of answers with other nodes, and with the log where they are gone.

    See `docs/decisions/answers-have-a-home.md`.
    """

    def __init__(self, answers: "Answers") -> None:
        self._answers = answers
        self._abroad = answers.abroad
        self._archive = answers.archive
        self._journal = answers.journal
        self._clock = answers.clock
        answers.abroad.orphaned = self._take_orphan
        answers.abroad.freed = self._offer
        answers.abroad.taken_over = self._let_go
        answers.dispatcher.elsewhere = self._elsewhere
        answers.dispatcher.cancel_elsewhere = lambda answer: self._abroad.tell(
            answer, "answer.cancel"
        )
        answers.dispatcher.cancel_made_for = self._cancel_made_for
        answers.abroad.fleet.asks.handlers |= {
            "answer.start": self._asked_to_start,
            "answer.find": self._asked_to_find,
            "answer.answering": self._asked_if_answering,
            "answer.cancel": self._asked_to_cancel,
            "answer.cancel_made_for": self._asked_to_cancel_made_for,
            "answer.input": self._asked_to_give,
            "answer.view": self._asked_to_count,
        }

    # Handed to another node.

    def send(self, answer: Answer) -> None:
        """Hand an answer to its home, and follow it here."""
        self._archive.add(answer)
        self._abroad.follow(answer)
        answer.opened = asyncio.get_running_loop().create_future()
        answer.opened.add_done_callback(lambda done: done.exception())  # somebody may wait, or not
        self._abroad.soon(self._open(answer, answer.opened))

    async def _open(self, answer: Answer, opened: asyncio.Future[None]) -> None:
        try:
            await self._abroad.start(answer, answer.deadline_at - self._clock.monotonic())
        except Rejection as rejection:
            self._abroad.leave(answer)
            self._archive.drop(answer)
            if rejection.code is not Code.UNKNOWN:  # else that node may have it
                self._answers.conversations.abort(answer)
            opened.set_exception(rejection)
        else:
            answer.asked = True
            opened.set_result(None)

    def _offer(self, worker: Worker) -> None:
        """Hand what waits here to a worker of another node that is free."""
        pool = self._answers.dispatcher.pool
        while worker.free > 0 and (answer := pool.next_for(worker)):
            self._hand_over(answer, self._abroad.book(worker))

    def _elsewhere(self, answer: Answer, *, busy: bool) -> bool:
        """See `Elsewhere`."""
        abroad = self._abroad.pool
        found = abroad.pick(answer) or (next(abroad.workers(answer), None) if busy else None)
        if found is not None:
            self._hand_over(answer, self._abroad.book(found))
        return found is not None

    def _hand_over(self, answer: Answer, node: str) -> None:
        """Hand to another node what has waited here, and follow it."""
        turn = answer.turn
        self._answers.give_up(answer)
        answer.turn, answer.home = turn, node
        answer.term = self.next_term(answer.term)
        self._abroad.soon(self._handed_over(answer))

    async def _handed_over(self, answer: Answer) -> None:
        try:
            await self._abroad.start(answer, answer.deadline_at - self._clock.monotonic())
        except Rejection as rejection:
            if rejection.code is Code.UNKNOWN or answer.ended:
                return  # it ends where that node does not say that it has it
            self._take_back(answer)
        else:
            answer.turn = None

    def _take_back(self, answer: Answer) -> None:
        """Hold an answer that another node did not take, or end it."""
        self._abroad.leave(answer)
        answer.home, answer.phase = "", Phase.QUEUED
        answer.term = self.next_term(answer.term)
        try:
            self._answers.take(answer)
        except Rejection as rejection:
            self._answers.adopt(answer, Worker("", answer.invoker, _nothing))
            ending = endings.failed(rejection.code, answer.used)
            self._answers.dispatcher.end(answer, ending)

    async def _asked_to_start(self, question: bytes) -> bytes:
        start = msgspec.msgpack.decode(question, type=Start)
        answers = self._answers
        invoke = stream_pb2.Invoke.FromString(start.invoke)
        if answers.draining and not start.ancestors:
            raise Rejection(Code.DRAINING)
        if invoke.conversation:
            await answers.conversations.load(start.identity, invoke.conversation)
        pool, now = answers.dispatcher.pool, self._clock.time_ns()
        tenant = start.identity.tenant
        route = route_of(tenant, invoke.target, pool.served, pool.serves_under)
        answer = Answer(self._journal, start.identity, invoke, route, now, start.stream_id)
        answer.input_bytes = invoke.ByteSize()
        answer.attempt, answer.turn, answer.term = start.attempt, start.turn, start.term
        answer.asked, answer.moved = start.asked, start.attempt > 0
        answer.ancestors, answer.lineage = start.ancestors, start.lineage
        answer.deadline_at = self._clock.monotonic() + start.seconds
        answers.take(answer)
        return b""

    def _take_orphan(self, answer: Answer) -> bool:
        """Place anew an answer whose home was lost before it said anything; tell whether it is."""
        if answer.folded.parts or not (answer.invoke.text or answer.invoke.messages):
            return False
        self._abroad.leave(answer)
        self._archive.drop(answer)
        answer.phase = Phase.QUEUED
        answer.attempt = max(answer.attempt, answer.folded.attempt, 1)
        answer.term = self.next_term(answer.term)
        answer.moved = True
        answer.home = self._abroad.home_for(answer, self._answers.dispatcher.pool)
        if answer.home:
            self.send(answer)
            return True
        try:
            self._answers.take(answer)
        except Rejection:
            self._archive.add(answer)
            self._abroad.follow(answer)
            return False
        return True

    def _let_go(self, key: str, term: int) -> None:
        """Hold an answer no more that another node has taken over while this one stood still."""
        answer = self._archive.find(key)
        if answer is not None and not (answer.home or answer.ended) and answer.term < term:
            self._answers.disown(answer)

    def next_term(self, term: int) -> int:
        """Return a term after one, and after those that other nodes have begun before."""
        return max(term + 1, self._clock.time_ns() // 1_000_000)

    # Found.

    async def find(self, key: str) -> None:
        """Know an answer here, by its channel's key, if any node or the log does."""
        if self._archive.find(key) is not None:
            return
        found = None
        if not self._abroad.alone:
            found = await self._abroad.find(key, self._mirror)
        if found is None:
            found = await self._kept(key)
        if found is None:
            return
        if (known := self._archive.find(key)) is not None:
            if known is not found:
                self._abroad.leave(found)
            return
        self._archive.add(found)
        if found.ended:
            self._archive.keep(found)
        elif not self._abroad.is_held(key):
            self._abroad.expect(found)

    def _mirror(self, key: str, value: bytes) -> Answer:
        return answer_of(read_record(value), unscope(key).partition(".")[2], self._journal)

    async def _kept(self, key: str) -> Answer | None:
        """Return an answer as the log has it, and follow it where it has not ended."""
        record = await self.recorded(key)
        return await self.followed(key, record) if record is not None else None

    async def recorded(self, key: str) -> Record | None:
        """Return an answer's record, by its channel's key. Raises `Rejection`."""
        return await self._answers.records.find(key) if self._answers.records else None

    async def followed(self, key: str, record: Record) -> Answer | None:
        """Return the answer of a record with all that came since; None where that is not kept.

        One that has not ended is followed from then on.
        """
        hub, early = self._answers.hub, list[Entry]()
        stream_id = unscope(key).partition(".")[2]
        answer = answer_of(record, stream_id, self._journal)
        if answer.ended:
            return answer
        hub.watch(key, early.append)
        try:
            whole = await self._abroad.replay(answer)
        finally:
            hub.unwatch(key, early.append)
        if not whole:
            return None
        answer = self._abroad.follow(answer)
        self._abroad.hear(early)
        return answer

    async def _asked_to_find(self, question: bytes) -> bytes:
        answer = self._archive.find(question.decode())
        if answer is None or (answer.home and not answer.ended):
            raise Rejection(Code.NOT_FOUND, "this node does not hold it")
        return record_of(answer, self._abroad.fleet.node)

    def record(self, answer: Answer) -> bytes:
        """Return an answer that this node holds as another may go on with it."""
        if answer.ended:
            return record_of(answer, self._abroad.fleet.node)
        return record_of(answer, self._abroad.fleet.node, self.going(answer))

    def going(self, answer: Answer) -> Going:
        """Return what another node needs to go on with an answer that is held here."""
        left = answer.deadline_at - self._clock.monotonic()
        return going_of(answer, self._clock.time_ns() + int(left * NS))

    # What other nodes ask of answers that are held here.

    async def is_answering(self, tenant: str, stream_id: str) -> bool:
        """Tell whether any node has an answer in progress; true also where one does not say."""
        if await self._answers_here(tenant, stream_id):
            return True
        fleet, others = self._abroad.fleet, self._abroad.fleet.others
        question = msgspec.msgpack.encode((tenant, stream_id))
        said = await fleet.asks.ask_each(others, "answer.answering", question)
        return len(said) < len(others) or any(said)

    async def _asked_if_answering(self, question: bytes) -> bytes:
        tenant, stream_id = msgspec.msgpack.decode(question, type=tuple[str, str])
        return b"1" if await self._answers_here(tenant, stream_id) else b""

    async def _answers_here(self, tenant: str, stream_id: str) -> bool:
        """Tell whether this node has an answer in progress; where not, all it said is written."""
        answer = self._archive.find(f"{tenant}.stream.{stream_id}")
        if answer is None:
            turns = self._answers.conversations.turns
            return turns is not None and stream_id in turns.begun
        if answer.ended:
            await self._answers.ended(answer, ENDING_SECONDS)
            await self._journal.written()
        return not answer.folded.ended

    async def _asked_to_cancel(self, question: bytes) -> bytes:
        (key,) = msgspec.msgpack.decode(question, type=tuple[str])
        if answer := self._archive.find(key):
            self._answers.dispatcher.cancel(answer)
        return b""

    def _cancel_made_for(self, answer: Answer) -> None:
        """Cancel what was made for an answer while another node held it, wherever that is."""
        self._cancel_made_here(answer.tenant, answer.stream_id)
        question = msgspec.msgpack.encode((answer.tenant, answer.stream_id))
        self._abroad.soon(self._asked_each(question))

    async def _asked_each(self, question: bytes) -> None:
        fleet = self._abroad.fleet
        await fleet.asks.ask_each(fleet.others, "answer.cancel_made_for", question)

    def _cancel_made_here(self, tenant: str, parent: str) -> None:
        for made in self._archive.made_for(tenant, parent):
            self._answers.dispatcher.cancel(made)

    async def _asked_to_cancel_made_for(self, question: bytes) -> bytes:
        self._cancel_made_here(*msgspec.msgpack.decode(question, type=tuple[str, str]))
        return b""

    async def _asked_to_give(self, question: bytes) -> bytes:
        key, json, sender = msgspec.msgpack.decode(question, type=tuple[str, str, str])
        if (answer := self._archive.find(key)) is None:
            raise Rejection(Code.NOT_FOUND, "there is no such answer, or it is not kept any more")
        self._answers.dispatcher.give(answer, event_pb2.AnswerInput(json=json, sender=sender))
        return b""

    async def _asked_to_count(self, question: bytes) -> bytes:
        key, session_id, what = msgspec.msgpack.decode(question, type=tuple[str, str, str])
        if what == "joined":
            self._answers.viewer_joined(key, session_id)
        else:
            self._answers.viewer_left(key, session_id)
        return b""


def _nothing(frame: bytes) -> None:
    """Send nothing: that worker's stream is gone."""
