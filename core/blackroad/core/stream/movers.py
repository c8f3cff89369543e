"""Workers that come to this node with answers of another: they go on here."""

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.log.base import Append, Appended, Fence
from blackroad.core.stream.abroad import ANSWER
from blackroad.core.stream.homes import Homes
from blackroad.core.stream.journal import NO_HISTORY
from blackroad.core.stream.record import (
    NS,
    Going,
    Held,
    Record,
    go_on,
    read_record,
    record_of,
)
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import stream_pb2

if TYPE_CHECKING:
    from blackroad.core.stream.answers import Answers

YIELD_SECONDS: Final = 1.0
MAX_RESUMED: Final = 256


class Movers:
    """Brings answers along with their workers, and gives up those whose workers went elsewhere.

    See `docs/decisions/answers-have-a-home.md`.
    """

    def __init__(self, answers: "Answers", homes: Homes) -> None:
        self._answers = answers
        self._homes = homes
        self._abroad = answers.abroad
        self._archive = answers.archive
        self._journal = answers.journal
        self._clock = answers.clock
        answers.abroad.fleet.asks.handlers["answer.yield"] = self._asked_to_yield

    async def bring(self, worker: Worker, register: stream_pb2.Register) -> None:
        """Have held here what a worker goes on with that another node held, or holds.

        It is as if the worker had been lost here, and is resumed by the register that follows.
        """
        if self._answers.records is None:
            return
        coming = [self._bring(worker, register.agent, each) for each in register.resumed]
        await asyncio.gather(*coming[:MAX_RESUMED])
        for late in coming[MAX_RESUMED:]:
            late.close()

    async def _bring(
        self, worker: Worker, agent: str, resumed: stream_pb2.ResumedInvocation
    ) -> None:
        key = f"{worker.identity.tenant}.stream.{resumed.stream_id}"
        known = self._archive.find(key)
        if known is not None and (known.ended or not known.home):
            return
        who = worker.identity
        held = Held(who.tenant, who.subject, who.kind, agent)
        try:
            record = await self._yielded(key, resumed.attempt, held)
            if record is None:
                record = await self._homes.recorded(key)
            if record is None or record.going is None or not _same(record.going, resumed, held):
                return
            await self._take_over(key, record, record.going)
        except Rejection:
            return  # it hears that it is superseded

    async def _yielded(self, key: str, attempt: int, held: Held) -> Record | None:
        """Have the node that holds an answer give it up; None where that is gone.

        Raises its `Rejection` where it does not.
        """
        fleet = self._abroad.fleet
        place = ANSWER, key
        holders = [node for node in fleet.others if place in fleet.board.items(node)]
        for node in holders:
            question = msgspec.msgpack.encode((key, attempt, held))
            try:
                said = await fleet.asks.ask(node, "answer.yield", question, YIELD_SECONDS)
            except Rejection as rejection:
                if rejection.code is not Code.UNKNOWN:
                    raise
            else:
                return read_record(said)
        return None

    async def _asked_to_yield(self, question: bytes) -> bytes:
        key, attempt, held = msgspec.msgpack.decode(question, type=tuple[str, int, Held])
        answer = self._archive.find(key)
        if answer is None or answer.home or answer.ended or answer.stopping:
            raise Rejection(Code.NOT_FOUND, "this node does not hold it")
        going = self._homes.going(answer)
        mourned = self._answers.dispatcher.mourned(answer)
        if mourned is not None:
            who = mourned.identity
            own = Held(who.tenant, who.subject, who.kind, mourned.agent)
            going = msgspec.structs.replace(going, worker=own)
        if answer.attempt != attempt or going.worker != held:
            raise Rejection(Code.CONFLICT, "another worker has it")
        self._answers.give_up(answer)
        await self._journal.written()
        return record_of(answer, self._abroad.fleet.node, going)

    async def _take_over(self, key: str, record: Record, going: Going) -> None:
        """Hold an answer here that another node held: what that one writes is refused from now."""
        going = msgspec.structs.replace(going, term=self._homes.next_term(going.term))
        answer = self._archive.find(key)
        if answer is None:
            answer = await self._homes.followed(key, record)
            if answer is None or answer.ended:
                return
            self._archive.add(answer)
        answer.term, answer.attempt = going.term, going.attempt
        fence = Append(key, [], NO_HISTORY, None, Fence(answer.fence), told=False)
        (fenced,) = await self._answers.log.append([fence])
        if not isinstance(fenced, Appended):
            raise fenced
        # What the former home wrote lies before the fence.
        heads = self._answers.hub.heads
        await self._answers.hub.reached(
            (*heads[: fenced.partition], fenced.position, *heads[fenced.partition + 1 :])
        )
        if answer.folded.ended or not answer.home:
            return
        if answer.conversation:
            await self._answers.conversations.load(going.identity, answer.conversation)
        left = (going.deadline_ns - self._clock.time_ns()) / NS
        self._abroad.leave(answer)
        go_on(answer, going, left, self._clock.monotonic())
        former = Worker("", _who_of(going), _nothing)
        former.agent = going.worker.agent if going.worker is not None else ""
        self._answers.adopt(answer, former)


def _same(going: Going, resumed: stream_pb2.ResumedInvocation, held: Held) -> bool:
    """Tell whether a worker may go on with an answer."""
    return going.attempt == resumed.attempt and going.worker == held


def _who_of(going: Going) -> Identity:
    """Return the identity of who had an answer."""
    held = going.worker
    if held is None:
        return going.identity
    return Identity(held.tenant, held.subject, held.kind)


def _nothing(frame: bytes) -> None:
    """Send nothing: that worker's stream is gone."""
