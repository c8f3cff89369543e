"""What workers say of the answers that they have, and what becomes of them by it."""

from blackroad.core.errors import Code, Rejection
from blackroad.core.names import check_id
from blackroad.core.stream import endings
from blackroad.core.stream.answer import TOKEN_CHARACTERS, Answer, Phase
from blackroad.core.stream.dispatcher import Dispatcher, superseded
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.wheel import Wheel
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import stream_pb2


class Reports:
    """Takes each frame of a worker about an answer; the dispatcher knows who has which.

    All is synchronous, and raises `Rejection` where a frame is wrong.
    """

    def __init__(self, dispatcher: Dispatcher, wheel: Wheel, limits: StreamLimits) -> None:
        self._dispatcher = dispatcher
        self._wheel = wheel
        self._limits = limits

    def accept(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """Note that the worker took the invocation; INVALID_NAME of a model that cannot be one."""
        if frame.accept.model:
            check_id(frame.accept.model)
        if answer := self._held(worker, frame):
            self._begin(answer, frame.accept.model)

    def refuse(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """Give to another what the worker cannot take; CONFLICT where it has begun."""
        answer = self._held(worker, frame)
        if answer is None:
            return
        if answer.output:
            raise Rejection(Code.CONFLICT, "the answer has begun: fail it instead")
        answer.refused_by |= {worker.session_id}
        self._dispatcher.release(worker, answer)
        if answer.stopping:
            self._dispatcher.end(answer, endings.cancelled(answer.used))
        else:
            self._dispatcher.replace(answer, "every worker refused")
        self._dispatcher.feed(worker)

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
        if answer.max_tokens:
            self._take_limited(answer, chunk, arm)
            return
        answer.take(chunk, arm)
        if answer.folded.size > self._limits.answer_bytes:
            self._cut(answer)

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
            usage = finish.usage if finish.HasField("usage") else answer.used
            if finish.cancelled:
                self._dispatcher.end(answer, endings.cancelled(usage))
            else:
                answer.start()
                self._dispatcher.end(answer, endings.finished(finish, usage))
            self._dispatcher.settle(worker, answer)

    def fail(self, worker: Worker, frame: stream_pb2.ServeRequest) -> None:
        """End an answer that failed, and free its permit."""
        if answer := self._held(worker, frame, ending=True):
            usage = frame.fail.usage if frame.fail.HasField("usage") else answer.used
            if answer.stopping:
                self._dispatcher.end(answer, endings.cancelled(usage))
            else:
                self._dispatcher.end(answer, endings.worker_failed(frame.fail, usage))
            self._dispatcher.settle(worker, answer)

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
                self._dispatcher.settle(worker, answer)
            return None
        return answer

    def _begin(self, answer: Answer, model: str = "") -> None:
        """Let an answer run, if it does not yet: its worker took it, or says something of it."""
        if answer.phase is not Phase.QUEUED:
            return
        answer.start(model)
        self.limit(answer)

    def limit(self, answer: Answer, past_seconds: float = 0.0) -> None:
        """Cut an answer when its time is over, of which so much is past. Idempotent."""
        if not answer.more:
            return
        options = answer.invoke.options
        if answer.limit_timer is None and options.HasField("max_time"):
            seconds = options.max_time.seconds + options.max_time.nanos / 1e9 - past_seconds
            answer.limit_timer = self._wheel.after(max(seconds, 0), lambda: self._cut(answer))

    def _cut(self, answer: Answer) -> None:
        self._dispatcher.end_and_stop(answer, endings.length(answer.used), Code.CANCELLED)

    def _take_limited(self, answer: Answer, chunk: stream_pb2.Chunk, arm: str) -> None:
        """Take what of a chunk is within the limit of tokens; end the answer by length there."""
        limit = answer.max_tokens
        over = False
        if arm in ("text", "thinking"):
            left = limit * TOKEN_CHARACTERS - answer.characters
            if answer.deltas >= limit or left <= 0:
                self._cut(answer)
                return
            said = chunk.text or chunk.thinking
            answer.characters += min(len(said), left)
            if len(said) > left:
                over = True
                setattr(chunk, arm, said[:left])
        answer.take(chunk, arm)
        told = answer.usage.output_tokens if answer.usage else 0
        if over or told > limit or answer.folded.size > self._limits.answer_bytes:
            self._cut(answer)

    def _small(self, frame: stream_pb2.ServeRequest) -> None:
        if frame.ByteSize() > self._limits.update_bytes:
            raise Rejection(Code.TOO_LARGE, "an update is at most 64 KiB")
