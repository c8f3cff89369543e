"""The dispatcher gives invocations to workers, and takes back what they say."""

from typing import Protocol

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.stream import endings
from blackroad.core.stream.answer import Answer, Phase
from blackroad.core.stream.invocation import invocation_frame
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.pool import Pool
from blackroad.core.stream.route import unserved
from blackroad.core.stream.update import Ending
from blackroad.core.stream.wheel import Timer, Wheel
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import event_pb2, stream_pb2

SUPERSEDED = stream_pb2.Superseded()


class Attendance(Protocol):
    """Who is told which workers there are, and how busy."""

    def changed(self, worker: Worker) -> None:
        """Note that a worker may have become busy, or free. Never blocks."""
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
        self._wheel = wheel
        self._clock = clock
        self._limits = limits
        self._attendance = attendance
        self._lost: dict[str, tuple[Answer, Worker, Timer]] = {}
        self._telling: Timer | None = None

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
            answer.queue(self.pool.wait(answer))
            self._tell_positions_later()
        answer.deadline_timer = self._wheel.after(
            answer.deadline_at - self._clock.monotonic(), lambda: self._late(answer)
        )

    def cancel(self, answer: Answer) -> None:
        """Cancel an answer and those made for it.

        One that a worker has ends when the worker confirms it, or after 5 s.
        """
        if answer.ended or answer.stopping:
            return
        if answer.worker is None:
            self.end(answer, endings.cancelled(answer.usage))
        else:
            answer.stopping = True
            self._stop(answer, Code.CANCELLED)
        for child in answer.children:
            self.cancel(child)

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
        if lost := self._lost.pop(answer.stream_id, None):
            lost[2].cancel()
        if answer.children:
            if not isinstance(ending, event_pb2.AnswerFinished):
                for child in answer.children:
                    self.cancel(child)
            answer.children = []

    def mourns(self, answer: Answer) -> bool:
        """Tell whether an answer's worker is lost, with the grace running."""
        return answer.stream_id in self._lost

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
            self._desert_later()
        self._feed(worker)
        self._attendance.changed(worker)

    def load(self, worker: Worker, load: stream_pb2.Load) -> None:
        """Take a worker's word on what it can take now."""
        if load.HasField("max_concurrency"):
            worker.max_concurrency = load.max_concurrency
        if load.HasField("load"):
            if not 0 <= load.load <= 1:
                raise Rejection(Code.BAD_FRAME, "load is a number from 0 to 1")
            worker.load = load.load
        self._feed(worker)
        self._attendance.changed(worker)

    def drain(self, worker: Worker) -> None:
        """Give a worker nothing more."""
        worker.draining = True
        self.pool.leave(worker)
        self._desert_later()

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
        self._desert_later()

    # What workers say.

    def accept(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """Note that the worker took the invocation."""
        if answer := self._held(worker, frame):
            self._begin(answer, frame.accept.model)

    def refuse(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """Give to another what the worker cannot take; CONFLICT where it has begun."""
        answer = self._held(worker, frame)
        if answer is None:
            return
        if answer.output:
            raise Rejection(Code.CONFLICT, "the answer has begun: fail it instead")
        if answer.refused_by is None:
            answer.refused_by = set()
        answer.refused_by.add(worker.session_id)
        self._release(worker, answer)
        if answer.stopping:
            self.end(answer, endings.cancelled(answer.usage))
        else:
            self._replace(answer, "every worker refused")
        self._feed(worker)

    def chunk(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """Take more of the answer. A chunk that was taken already is ignored."""
        answer = self._held(worker, frame)
        if answer is None:
            return
        chunk = frame.chunk
        if chunk.index != answer.index + 1:
            if chunk.index <= answer.index and chunk.index:
                return
            raise Rejection(Code.BAD_FRAME, f"the next chunk has index {answer.index + 1}")
        arm = chunk.WhichOneof("part")
        if arm is None:
            raise Rejection(Code.MISSING_FIELD, "a chunk has a part")
        if chunk.ByteSize() > self._limits.update_bytes:
            raise Rejection(Code.TOO_LARGE, "a chunk is at most 64 KiB: send it in pieces")
        if answer.phase is Phase.QUEUED:
            self._begin(answer)
        if answer.max_tokens and answer.deltas >= answer.max_tokens and arm in ("text", "thinking"):
            self._cut(answer)
            return
        answer.take(chunk, arm)
        if answer.max_tokens or answer.folded.size > self._limits.answer_bytes:
            self._cut_long(answer)

    def progress(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """Tell how far the worker is."""
        if not 0 <= frame.progress.percent <= 100:
            raise Rejection(Code.BAD_FRAME, "percent is a number from 0 to 100")
        self._small(frame)
        if answer := self._held(worker, frame):
            self._begin(answer)
            answer.progress(frame.progress)

    def ask(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """Let the answer wait for an input."""
        self._small(frame)
        if answer := self._held(worker, frame):
            self._begin(answer)
            if not answer.stopping:
                answer.ask(frame.ask)

    def finish(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """End an answer that is complete, or whose cancel is confirmed, and free its permit."""
        finish = frame.finish
        if finish.output:
            endings.check_output(finish.output)
        if answer := self._held(worker, frame, ending=True):
            usage = finish.usage if finish.HasField("usage") else answer.usage
            if finish.cancelled:
                self.end(answer, endings.cancelled(usage))
            else:
                answer.start()
                self.end(answer, endings.finished(finish, usage))
            self._settle(worker, answer)

    def fail(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """End an answer that failed, and free its permit."""
        if answer := self._held(worker, frame, ending=True):
            usage = frame.fail.usage if frame.fail.HasField("usage") else answer.usage
            if answer.stopping:
                self.end(answer, endings.cancelled(usage))
            else:
                self.end(answer, endings.worker_failed(frame.fail, usage))
            self._settle(worker, answer)

    # Within.

    def _held(
        self, worker: Worker, frame: stream_pb2.ServeRequest, *, ending: bool = False
    ) -> Answer | None:
        """Return the answer that a frame is about.

        One that is not the worker's any more is answered by Superseded; what still comes of one
        that has ended, while the worker stops, is passed over.
        """
        answer = worker.holding.get(frame.stream_id)
        if answer is None or answer.attempt != frame.attempt:
            if not frame.stream_id or not frame.attempt:
                raise Rejection(Code.MISSING_FIELD, "stream_id and attempt are required")
            worker.send(superseded(frame.stream_id, frame.attempt))
            return None
        if answer.phase is Phase.ENDED:
            if ending:
                self._settle(worker, answer)
            return None
        return answer

    def _give(self, worker: Worker, answer: Answer) -> None:
        answer.attempt += 1
        answer.worker = worker
        worker.holding[answer.stream_id] = answer
        worker.send(invocation_frame(answer, answer.deadline_at - self._clock.monotonic()))
        if worker.busy:
            self._attendance.changed(worker)

    def _release(self, worker: Worker, answer: Answer) -> None:
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

    def _settle(self, worker: Worker, answer: Answer) -> None:
        """Free the permit of an answer that has ended, and use it."""
        self._release(worker, answer)
        self._feed(worker)

    def _feed(self, worker: Worker) -> None:
        while worker.free > 0 and (answer := self.pool.next_for(worker)):
            self._give(worker, answer)

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
        self.end(answer, endings.cancelled(answer.usage))
        worker.send(superseded(answer.stream_id, answer.attempt))
        self._settle(worker, answer)

    def _late(self, answer: Answer) -> None:
        self._end_and_stop(
            answer, endings.failed(Code.DEADLINE_EXCEEDED, answer.usage), Code.DEADLINE_EXCEEDED
        )

    def _cut(self, answer: Answer) -> None:
        self._end_and_stop(answer, endings.length(answer.usage), Code.CANCELLED)

    def _end_and_stop(self, answer: Answer, ending: Ending, code: Code) -> None:
        stopping = answer.stopping
        self.end(answer, endings.cancelled(answer.usage) if stopping else ending)
        self._stop(answer, code)

    def _cut_long(self, answer: Answer) -> None:
        tokens = answer.usage.output_tokens if answer.usage else 0
        if (answer.max_tokens and tokens > answer.max_tokens) or (
            answer.folded.size > self._limits.answer_bytes
        ):
            self._cut(answer)

    def _begin(self, answer: Answer, model: str = "") -> None:
        """Let an answer run, if it does not yet: its worker took it, or says something of it."""
        if answer.phase is not Phase.QUEUED:
            return
        answer.start(model)
        options = answer.invoke.options
        if answer.limit_timer is None and options.HasField("max_time"):
            seconds = options.max_time.seconds + options.max_time.nanos / 1e9
            answer.limit_timer = self._wheel.after(seconds, lambda: self._cut(answer))

    def _small(self, frame: stream_pb2.ServeRequest) -> None:
        if frame.ByteSize() > self._limits.update_bytes:
            raise Rejection(Code.TOO_LARGE, "an update is at most 64 KiB")

    def _bereave(self, answer: Answer, worker: Worker) -> None:
        """Decide what becomes of an answer whose worker is gone."""
        answer.worker = None
        if answer.ended:
            return
        if answer.stopping:
            self.end(answer, endings.cancelled(answer.usage))
        elif not answer.output:
            self._replace(answer, "its workers were lost")
        else:
            timer = self._wheel.after(self._limits.grace_seconds, lambda: self._mourn(answer))
            self._lost[answer.stream_id] = (answer, worker, timer)

    def _mourn(self, answer: Answer) -> None:
        self.end(answer, endings.failed(Code.AGENT_LOST, answer.usage))

    def _replace(self, answer: Answer, why: str) -> None:
        """Give an answer of which nothing was said to another worker, or let it wait for one."""
        answer.phase = Phase.QUEUED
        if answer.attempt >= self._limits.tries:
            self.end(answer, endings.failed(Code.NO_AGENT, answer.usage, why))
        elif worker := self.pool.pick(answer):
            self._give(worker, answer)
        else:
            answer.queue(self.pool.wait_again(answer))
            self._desert_later()

    def _resume(self, worker: Worker, resumed: stream_pb2.ResumedInvocation) -> None:
        """Give an answer back to the worker that goes on with it.

        Else tell it that it is superseded.
        """
        answer = self._resumable(worker, resumed)
        if answer is None:
            worker.send(superseded(resumed.stream_id, resumed.attempt))
            return
        if lost := self._lost.pop(answer.stream_id, None):
            lost[2].cancel()
        former = answer.worker
        if former is not None:
            former.holding.pop(answer.stream_id, None)
        answer.worker = worker
        worker.holding[answer.stream_id] = answer

    def _resumable(self, worker: Worker, resumed: stream_pb2.ResumedInvocation) -> Answer | None:
        answer: Answer | None = None
        former: Worker | None = None
        if lost := self._lost.get(resumed.stream_id):
            answer, former, _ = lost
        else:
            for other in self._same(worker):
                answer, former = other.holding.get(resumed.stream_id), other
                if answer is not None:
                    break
        if answer is None or former is None or answer.ended or answer.attempt != resumed.attempt:
            return None
        return answer if _speaks_for(worker, former) else None

    def _same(self, worker: Worker) -> list[Worker]:
        """Return the workers that this one may be the successor of.

        Their stream is lost, and nobody has noticed yet.
        """
        found: dict[Worker, None] = {}
        for key in worker.keys:
            found.update(dict.fromkeys(self.pool.serving(key)))
        return [other for other in found if other is not worker and _speaks_for(worker, other)]

    def _desert_later(self) -> None:
        """After the grace, fail what waits for nobody.

        Callers know soon; a worker that reconnects finds its queue.
        """
        if self.pool.queues():
            self._wheel.after(self._limits.grace_seconds, self._desert)

    def _desert(self) -> None:
        for answer in self.pool.deserted():
            code = Code.AGENT_LOST if answer.attempt else Code.NO_AGENT
            self.end(answer, endings.failed(code, answer.usage))

    def _tell_positions_later(self) -> None:
        if self._telling is None:
            self._telling = self._wheel.after(self._limits.position_seconds, self._tell_positions)

    def _tell_positions(self) -> None:
        """Tell the first of each queue how they moved."""
        self._telling = None
        for queue in self.pool.queues():
            for position, answer in enumerate(queue[: self._limits.positions], 1):
                if answer.told_position != position:
                    answer.queue(position)
            self._tell_positions_later()


def superseded(stream_id: str, attempt: int) -> bytes:
    """Return the frame that tells a worker to send nothing more of an answer."""
    frame = stream_pb2.ServeResponse(stream_id=stream_id, attempt=attempt, superseded=SUPERSEDED)
    return frame.SerializeToString()


def _speaks_for(worker: Worker, former: Worker) -> bool:
    """Tell whether a worker may go on with what another had."""
    mine, theirs = worker.identity, former.identity
    return (mine.tenant, mine.subject, worker.agent) == (
        theirs.tenant,
        theirs.subject,
        former.agent,
    )
