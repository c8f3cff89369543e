"""The dispatcher gives invocations to workers, and takes them back."""

from collections.abc import Callable
from typing import Protocol

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.stream import endings
from blackroad.core.stream.answer import Answer, Phase
from blackroad.core.stream.invocation import invocation_frame
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.mourning import Mourning
from blackroad.core.stream.pool import Pool
from blackroad.core.stream.route import unserved
from blackroad.core.stream.update import Ending
from blackroad.core.stream.waiting import WaitingRoom
from blackroad.core.stream.wheel import Wheel
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import event_pb2, stream_pb2

SUPERSEDED = stream_pb2.Superseded()


class Attendance(Protocol):
    """Who is told which workers there are, and how busy."""

    def changed(self, worker: Worker) -> None:
        """Note that a worker may have become busy, or free. Never blocks."""
        ...


class Elsewhere(Protocol):
    """Finds a worker for an answer at another node."""

    def __call__(self, answer: Answer, *, busy: bool) -> bool:
        """Hand an answer over; `busy`: also to wait for a worker. Tells whether that is done."""
        ...


class Dispatcher:
    """Knows for every invocation in progress the one place where it is.

    In a queue, held by a worker, or lost with the grace running. All is synchronous: whoever comes
    first decides.
    """

    def __init__(
        self, pool: Pool, wheel: Wheel, clock: Clock, limits: StreamLimits, attendance: Attendance
    ) -> None:
        self.pool = pool
        # Asks the node that holds an answer to cancel it.
        self.cancel_elsewhere: Callable[[Answer], None] = lambda answer: None
        # Cancels what was made for an answer that other nodes have held, wherever it is.
        self.cancel_made_for: Callable[[Answer], None] = lambda answer: None
        # Hands an answer for which there is no worker here to a node that has one, if only a busy
        # one; tells whether there is such a node.
        self.elsewhere: Elsewhere = _nowhere
        self._wheel = wheel
        self._clock = clock
        self._limits = limits
        self._attendance = attendance
        self._waiting = WaitingRoom(pool, wheel, limits, self._desert)
        self._mourning = Mourning(pool, wheel, limits.grace_seconds, self._lose)

    # What callers ask for.

    def place(self, answer: Answer) -> None:
        """Give a new invocation to a worker, or let it wait.

        Raises NO_AGENT, MODEL_UNAVAILABLE, QUEUE_FULL.
        """
        worker = self.pool.pick(answer)
        if worker is not None:
            self._give(worker, answer)
        elif next(self.pool.workers(answer), None) is None:
            raise unserved(answer.route)
        else:
            self._waiting.enter(answer)
        answer.deadline_timer = self._wheel.at(answer.deadline_at, lambda: self._late(answer))

    def cancel(self, answer: Answer) -> None:
        """Cancel an answer and those made for it.

        One that a worker has ends when the worker confirms it, or after 5 s.
        """
        if answer.ended or answer.stopping:
            return
        if answer.home:
            self.cancel_elsewhere(answer)
        elif answer.worker is None:
            self.end(answer, endings.cancelled(answer.used))
        else:
            answer.stopping = True
            self._stop(answer, Code.CANCELLED)
        self._cancel_children(answer)

    def _cancel_children(self, answer: Answer) -> None:
        for child in answer.children:
            self.cancel(child)
        if answer.moved:
            self.cancel_made_for(answer)

    def give(self, answer: Answer, given: event_pb2.AnswerInput) -> None:
        """Hand an input to the worker that waits for it; CONFLICT where none does."""
        if answer.worker is None and answer.phase is Phase.WAITING:
            raise Rejection(Code.CONFLICT, "the worker is away; try again")
        answer.give(given)
        if answer.worker is not None:
            answer.worker.frame(answer, stream_pb2.ServeResponse(input=given))

    def end(self, answer: Answer, ending: Ending) -> None:
        """End an answer, wherever it is.

        Does nothing to one that has ended. A worker that has it keeps its permit.
        """
        if answer.ended:
            return
        answer.end(ending, self._clock.time_ns())
        self.pool.discard(answer)
        if self._mourning.losses:
            self._mourning.end(answer)
        if not isinstance(ending, event_pb2.AnswerFinished):
            self._cancel_children(answer)
        answer.children = ()

    def mourned(self, answer: Answer) -> Worker | None:
        """Return the worker that an answer has lost, with the grace running."""
        loss = self._mourning.losses.get(answer.stream_id)
        return loss.worker if loss is not None else None

    def adopt(self, answer: Answer, former: Worker) -> None:
        """Wait for the worker of an answer that another node held."""
        self._mourning.begin(answer, former)
        answer.deadline_timer = self._wheel.at(answer.deadline_at, lambda: self._late(answer))

    def give_up(self, answer: Answer) -> None:
        """Let go of an answer that another node goes on with."""
        self._mourning.end(answer)
        self.pool.discard(answer)
        for timer in (answer.deadline_timer, answer.limit_timer, answer.abandoned_timer):
            if timer is not None:
                timer.cancel()
        worker, answer.worker = answer.worker, None
        if worker is not None:
            worker.holding.pop(answer.stream_id, None)

    def mourns(self, answer: Answer) -> bool:
        """Tell whether an answer's worker is lost, with the grace running."""
        return answer.stream_id in self._mourning.losses

    # Workers come and go.

    def register(self, worker: Worker, register: stream_pb2.Register) -> None:
        """Let a worker serve exactly this from now on; give it what waits."""
        former = worker.keys
        self.pool.leave(worker)
        try:
            worker.serve(register)
        finally:
            self.pool.enter(worker)
        for resumed in register.resumed:
            self._resume(worker, resumed)
        if former:
            self._waiting.desert_later()
        self.feed(worker)
        self._attendance.changed(worker)

    def load(self, worker: Worker, load: stream_pb2.Load) -> None:
        """Take a worker's word on what it can take now."""
        if load.HasField("max_concurrency"):
            worker.max_concurrency = load.max_concurrency
        if load.HasField("load"):
            if not 0 <= load.load <= 1:
                raise Rejection(Code.BAD_FRAME, "load is a number from 0 to 1")
            worker.load = load.load
        self.feed(worker)
        self._attendance.changed(worker)

    def drain(self, worker: Worker) -> None:
        """Give a worker nothing more."""
        worker.draining = True
        self.pool.leave(worker)
        self._waiting.desert_later()

    def leave(self, worker: Worker) -> None:
        """Replace, or mourn, what a worker had: its stream is gone. Idempotent."""
        self.pool.leave(worker)
        worker.draining = True
        held = list(worker.holding.values())
        worker.holding.clear()
        for answer in held:
            if answer.stop_timer is not None:
                answer.stop_timer.cancel()
            if answer.worker is worker:
                self._bereave(answer, worker)
        self._waiting.desert_later()

    # What the workers' reports ask for.

    def replace(self, answer: Answer, why: str) -> None:
        """Give an answer of which nothing was said to another worker, or let it wait for one."""
        answer.phase = Phase.QUEUED
        if answer.limit_timer is not None:
            answer.limit_timer.cancel()
            answer.limit_timer = None
        if answer.attempt >= self._limits.tries:
            self.end(answer, endings.failed(Code.NO_AGENT, answer.used, why))
        elif worker := self.pool.pick(answer):
            self._give(worker, answer)
        elif not self.elsewhere(answer, busy=False):
            self._waiting.enter_again(answer)

    def release(self, worker: Worker, answer: Answer) -> None:
        """Take an answer from a worker, which is free for another."""
        was_busy = worker.busy
        if worker.holding.get(answer.stream_id) is answer:
            del worker.holding[answer.stream_id]
        if answer.worker is worker:
            answer.worker = None
        if answer.stop_timer is not None:
            answer.stop_timer.cancel()
        if was_busy:
            self._attendance.changed(worker)
        if worker.draining and not worker.holding:
            worker.on_idle()

    def settle(self, worker: Worker, answer: Answer) -> None:
        """Free the permit of an answer that has ended, and use it."""
        self.release(worker, answer)
        self.feed(worker)

    def feed(self, worker: Worker) -> None:
        """Give a worker what waits, as much as it takes."""
        while worker.free > 0 and (answer := self.pool.next_for(worker)):
            self._give(worker, answer)

    def end_and_stop(self, answer: Answer, ending: Ending, code: Code) -> None:
        """End an answer by a limit, and then tell its worker to stop."""
        stopping = answer.stopping
        self.end(answer, endings.cancelled(answer.used) if stopping else ending)
        self._stop(answer, code)

    # Within.

    def _give(self, worker: Worker, answer: Answer) -> None:
        answer.attempt += 1
        answer.worker = worker
        worker.holding[answer.stream_id] = answer
        worker.given += 1
        worker.send(invocation_frame(answer, answer.deadline_at - self._clock.monotonic()))
        if worker.busy:
            self._attendance.changed(worker)

    def _stop(self, answer: Answer, code: Code) -> None:
        """Tell the worker to stop, and wait for its word."""
        worker = answer.worker
        if worker is None:
            return
        cancel = stream_pb2.CancelInvocation(code=code.wire)
        worker.frame(answer, stream_pb2.ServeResponse(cancel=cancel))
        answer.stop_timer = self._wheel.after(
            self._limits.cancel_seconds, lambda: self._unconfirmed(worker, answer)
        )

    def _unconfirmed(self, worker: Worker, answer: Answer) -> None:
        self.end(answer, endings.cancelled(answer.used))
        worker.send(superseded(answer.stream_id, answer.attempt))
        self.settle(worker, answer)

    def _late(self, answer: Answer) -> None:
        self.end_and_stop(
            answer, endings.failed(Code.DEADLINE_EXCEEDED, answer.used), Code.DEADLINE_EXCEEDED
        )

    def _bereave(self, answer: Answer, worker: Worker) -> None:
        """Decide what becomes of an answer whose worker is gone."""
        answer.worker = None
        if answer.ended:
            return
        if answer.stopping:
            self.end(answer, endings.cancelled(answer.used))
        elif not answer.output:
            self.replace(answer, "its workers were lost")
        else:
            self._mourning.begin(answer, worker)

    def _desert(self, answer: Answer, ending: Ending) -> None:
        """End what waits for nobody, unless somebody is elsewhere."""
        if not self.elsewhere(answer, busy=True):
            self.end(answer, ending)

    def _lose(self, answer: Answer) -> None:
        self.end(answer, endings.failed(Code.AGENT_LOST, answer.used))

    def _resume(self, worker: Worker, resumed: stream_pb2.ResumedInvocation) -> None:
        """Give an answer back to the worker that goes on with it.

        Else tell it that it is superseded.
        """
        answer = self._mourning.resumable(worker, resumed)
        if answer is None:
            worker.send(superseded(resumed.stream_id, resumed.attempt))
            return
        self._mourning.end(answer)
        former = answer.worker
        if former is not None:
            former.holding.pop(answer.stream_id, None)
        answer.worker = worker
        worker.holding[answer.stream_id] = answer


def _nowhere(answer: Answer, *, busy: bool) -> bool:
    """Find nobody: there are no other nodes."""
    del answer, busy
    return False


def superseded(stream_id: str, attempt: int) -> bytes:
    """Return the frame that tells a worker to send nothing more of an answer."""
    frame = stream_pb2.ServeResponse(stream_id=stream_id, attempt=attempt, superseded=SUPERSEDED)
    return frame.SerializeToString()
