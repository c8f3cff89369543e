"""Who views an answer, and what becomes of one that nobody views any more."""

from collections.abc import Callable

from blackroad.core.stream.answer import Answer
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.wheel import Wheel
from blackroad.realtime.v1 import stream_pb2


class Views:
    """Counts sessions by answer.

    The last that leaves starts the time after which the answer is cancelled, where its invocation
    asked for that; one that joins stops it. A session that is lost leaves like any other.
    """

    def __init__(
        self, wheel: Wheel, limits: StreamLimits, cancel: Callable[[Answer], None]
    ) -> None:
        self._wheel = wheel
        self._limits = limits
        self._cancel = cancel

    def join(self, answer: Answer, session_id: str) -> None:
        """Count a session; a session may view more than once."""
        if answer.viewers is None:
            answer.viewers = {session_id: 1}
        else:
            answer.viewers[session_id] = answer.viewers.get(session_id, 0) + 1
        if answer.abandoned_timer is not None:
            answer.abandoned_timer.cancel()
            answer.abandoned_timer = None

    def expect(self, answer: Answer) -> None:
        """Wait for the first viewer of a new answer, as after the last one, and some seconds."""
        if answer.invoke.on_abandoned == stream_pb2.ON_ABANDONED_CANCEL:
            seconds = max(self._seconds(answer.invoke), self._limits.abandoned_seconds)
            self._abandon(answer, seconds)

    def leave(self, answer: Answer, session_id: str) -> None:
        """Count it no more."""
        viewers = answer.viewers
        if not viewers or session_id not in viewers:
            return
        viewers[session_id] -= 1
        if not viewers[session_id]:
            del viewers[session_id]
            answer.viewers = viewers or None
        cancels = answer.invoke.on_abandoned == stream_pb2.ON_ABANDONED_CANCEL
        if cancels and not viewers and not answer.ended:
            self._abandon(answer, self._seconds(answer.invoke))

    def _abandon(self, answer: Answer, seconds: float) -> None:
        answer.abandoned_timer = self._wheel.after(seconds, lambda: self._cancel(answer))

    def _seconds(self, invoke: stream_pb2.Invoke) -> float:
        if not invoke.HasField("abandoned_after"):
            return self._limits.abandoned_seconds
        after = invoke.abandoned_after
        return max(after.seconds + after.nanos / 1e9, 0.0)
