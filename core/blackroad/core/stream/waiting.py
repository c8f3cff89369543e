"""Those who wait for a worker: where they stand, and what they hear when nobody comes."""

from collections.abc import Callable

from blackroad.core.errors import Code
from blackroad.core.stream import endings
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.pool import Pool
from blackroad.core.stream.update import Ending
from blackroad.core.stream.wheel import Timer, Wheel


class WaitingRoom:
    """Tells the first of each queue how they move, and fails what waits for nobody."""

    def __init__(
        self,
        pool: Pool,
        wheel: Wheel,
        limits: StreamLimits,
        end: Callable[[Answer, Ending], None],
    ) -> None:
        self._pool = pool
        self._wheel = wheel
        self._limits = limits
        self._end = end
        self._telling: Timer | None = None

    def enter(self, answer: Answer) -> None:
        """Let a new invocation wait; QUEUE_FULL."""
        answer.queue(self._pool.wait(answer))
        self._tell_later()

    def enter_again(self, answer: Answer) -> None:
        """Let an invocation that was given out wait at its old place."""
        answer.queue(self._pool.wait_again(answer))
        self._tell_later()
        self.desert_later()

    def desert_later(self) -> None:
        """After the grace, fail what waits for nobody.

        Callers know soon; a worker that reconnects finds its queue.
        """
        if self._pool.queues():
            self._wheel.after(self._limits.grace_seconds, self._desert)

    def _desert(self) -> None:
        for answer in self._pool.deserted():
            code = Code.AGENT_LOST if answer.attempt else Code.NO_AGENT
            self._end(answer, endings.failed(code, answer.used))

    def _tell_later(self) -> None:
        if self._telling is None:
            self._telling = self._wheel.after(self._limits.position_seconds, self._tell)

    def _tell(self) -> None:
        self._telling = None
        for queue in self._pool.queues():
            for position, answer in enumerate(queue[: self._limits.positions], 1):
                if answer.told_position != position:
                    answer.queue(position)
            self._tell_later()
