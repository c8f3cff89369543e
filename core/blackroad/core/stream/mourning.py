"""Answers whose workers are lost: for a time the same worker may come back and go on."""

from collections.abc import Callable
from typing import NamedTuple

from blackroad.core.stream.answer import Answer
from blackroad.core.stream.pool import Pool
from blackroad.core.stream.wheel import Timer, Wheel
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import stream_pb2


class Loss(NamedTuple):
    """An answer, the worker that had it, and until when it is waited for."""

    answer: Answer
    worker: Worker
    timer: Timer


class Mourning:
    """Keeps what was begun and lost its worker, until the grace is over or it ends otherwise."""

    def __init__(
        self, pool: Pool, wheel: Wheel, seconds: float, over: Callable[[Answer], None]
    ) -> None:
        self._pool = pool
        self._wheel = wheel
        self._seconds = seconds
        self._over = over
        self.losses: dict[str, Loss] = {}  # by the answers' ids

    def begin(self, answer: Answer, worker: Worker) -> None:
        """Wait for the worker of an answer; `over` is called with it when the grace is over."""
        timer = self._wheel.after(self._seconds, lambda: self._over(answer))
        self.losses[answer.stream_id] = Loss(answer, worker, timer)

    def end(self, answer: Answer) -> None:
        """Wait no more. Idempotent."""
        if loss := self.losses.pop(answer.stream_id, None):
            loss.timer.cancel()

    def resumable(self, worker: Worker, resumed: stream_pb2.ResumedInvocation) -> Answer | None:
        """Return the answer that a worker may go on with: its own, of that attempt, not ended."""
        answer, former = self._found(worker, resumed.stream_id)
        if answer is None or former is None or answer.ended or answer.attempt != resumed.attempt:
            return None
        return answer if _speaks_for(worker, former) else None

    def _found(self, worker: Worker, stream_id: str) -> tuple[Answer | None, Worker | None]:
        if loss := self.losses.get(stream_id):
            return loss.answer, loss.worker
        for other in self._same(worker):
            if answer := other.holding.get(stream_id):
                return answer, other
        return None, None

    def _same(self, worker: Worker) -> list[Worker]:
        """Return the workers that this one may be the successor of.

        Their stream is lost, and nobody has noticed yet.
        """
        found: dict[Worker, None] = {}
        for key in worker.keys:
            found.update(dict.fromkeys(self._pool.serving(key)))
        return [other for other in found if other is not worker and _speaks_for(worker, other)]


def _speaks_for(worker: Worker, former: Worker) -> bool:
    """Tell whether a worker may go on with what another had."""
    mine, theirs = worker.identity, former.identity
    return (mine.tenant, mine.subject, worker.agent) == (
        theirs.tenant,
        theirs.subject,
        former.agent,
    )
