"""The workers of a node by what they serve, and the invocations that wait for them."""

from collections.abc import Iterator

from blackroad.core.errors import Code, Rejection
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.worker import Worker


class Queue:
    """What waits for one target, in order. Bounded in items and bytes."""

    __slots__ = ("bytes", "items")

    def __init__(self) -> None:
        self.items: dict[Answer, None] = {}
        self.bytes = 0


class Pool:
    """Picks workers for invocations, and invocations for workers.

    The worker with most free permits; the invocation that waits longest.
    """

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._serving: dict[str, dict[Worker, None]] = {}
        self._queues: dict[str, Queue] = {}  # none is empty
        self._tickets = 0

    def enter(self, worker: Worker) -> None:
        """Let a worker be found by its keys."""
        for key in worker.keys:
            self._serving.setdefault(key, {})[worker] = None

    def leave(self, worker: Worker) -> None:
        """Let it be found no more. Idempotent."""
        for key in worker.keys:
            if workers := self._serving.get(key):
                workers.pop(worker, None)
                if not workers:
                    del self._serving[key]

    def served(self, key: str) -> bool:
        """Tell whether a worker serves a key now."""
        return key in self._serving

    def serving(self, key: str) -> list[Worker]:
        """Return the workers that serve a key."""
        return list(self._serving.get(key, ()))

    def all(self) -> set[Worker]:
        """Return all workers."""
        return {worker for workers in self._serving.values() for worker in workers}

    def serves_under(self, prefix: str) -> bool:
        """Tell whether a worker serves a key that begins so."""
        return any(key.startswith(prefix) for key in self._serving)

    def workers(self, answer: Answer) -> Iterator[Worker]:
        """Yield the workers that may be given an answer, some perhaps twice.

        Not those that refused it or wait for it.
        """
        for key in answer.route.keys:
            for worker in self._serving.get(key, ()):
                if eligible(worker, answer):
                    yield worker

    def pick(self, answer: Answer) -> Worker | None:
        """Return the worker with most free permits, of those the least loaded.

        None where all are busy.
        """
        best: Worker | None = None
        most = 0
        for key in answer.route.keys:
            for worker in self._serving.get(key, ()):
                free = worker.free
                better = free > most or (best and free == most and worker.load < best.load)
                if better and eligible(worker, answer):
                    best, most = worker, free
        return best

    def next_for(self, worker: Worker) -> Answer | None:
        """Take the longest waiting invocation that a worker may be given out of its queue."""
        if not self._queues:
            return None
        waiting = [answer for queue in self._queues_of(worker) if (answer := _first(queue, worker))]
        if not waiting:
            return None
        answer = min(waiting, key=_turn)
        self.discard(answer)
        return answer

    def wait(self, answer: Answer) -> int:
        """Let an invocation wait at the end of its queue and return its place, from 1.

        Raises QUEUE_FULL.
        """
        queue = self._queues.get(answer.route.keys[0])
        if queue is None:
            queue = self._queues[answer.route.keys[0]] = Queue()
        elif (
            len(queue.items) >= self._limits.queue_items
            or queue.bytes + answer.input_bytes > self._limits.queue_bytes
        ):
            raise Rejection(Code.QUEUE_FULL)
        self._tickets += 1
        answer.ticket = self._tickets
        queue.items[answer] = None
        queue.bytes += answer.input_bytes
        return len(queue.items)

    def wait_again(self, answer: Answer) -> int:
        """Let an invocation that was given out keep its turn.

        It waits before all that came later.
        """
        key = answer.route.keys[0]
        queue = self._queues.setdefault(key, Queue())
        if not answer.ticket:
            answer.ticket = -1
        queue.items = dict.fromkeys(sorted((answer, *queue.items), key=_turn))
        queue.bytes += answer.input_bytes
        return list(queue.items).index(answer) + 1

    def discard(self, answer: Answer) -> None:
        """Take an invocation out of its queue. Idempotent."""
        key = answer.route.keys[0]
        queue = self._queues.get(key)
        if queue and answer in queue.items:
            del queue.items[answer]
            queue.bytes -= answer.input_bytes
            if not queue.items:
                del self._queues[key]

    def waits(self, answer: Answer) -> bool:
        """Tell whether an invocation is in its queue."""
        queue = self._queues.get(answer.route.keys[0])
        return queue is not None and answer in queue.items

    def queues(self) -> list[list[Answer]]:
        """Return all queues as they stand."""
        return [list(queue.items) for queue in self._queues.values()]

    def deserted(self) -> list[Answer]:
        """Return the invocations that wait though no worker may be given them, busy or not."""
        return [
            answer
            for queue in self._queues.values()
            for answer in queue.items
            if next(self.workers(answer), None) is None
        ]

    def _queues_of(self, worker: Worker) -> Iterator[Queue]:
        for key in worker.keys:
            if key.endswith(".*"):
                prefix = key[:-1]
                yield from (q for name, q in self._queues.items() if name.startswith(prefix))
            elif queue := self._queues.get(key):
                yield queue


def eligible(worker: Worker, answer: Answer) -> bool:
    """Tell whether a worker may be given an answer at all."""
    if worker.draining or worker.session_id in answer.refused_by:
        return False
    return not (worker.agent and worker.agent in answer.lineage)


def _first(queue: Queue, worker: Worker) -> Answer | None:
    return next((answer for answer in queue.items if eligible(worker, answer)), None)


def _turn(answer: Answer) -> int:
    return answer.ticket
