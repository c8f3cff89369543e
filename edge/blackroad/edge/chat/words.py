"""In whose words an answer is told to one viewer: the guide's, or those of another protocol."""

from typing import Protocol

from blackroad.edge import rendering
from blackroad.edge.chat.frames import snapshot_blocks
from blackroad.edge.chat.retold import FAILURES, Retold, Telling, retell
from blackroad.edge.errors import Refusal
from blackroad.edge.fanout import Sink
from blackroad.edge.frames import server, sse
from blackroad.edge.frames.times import duration_of
from blackroad.edge.frames.values import ENCODER
from blackroad.realtime.v1 import common_pb2, event_pb2


class Words(Protocol):
    """How an answer becomes bytes for a viewer's receiver."""

    rendering: str

    def sink(self, outlet: Sink, /) -> Sink:
        """Return where the receiver writes, given where the viewer's bytes go."""
        ...

    def delivery(self, delivery: event_pb2.Delivery, /) -> bytes:
        """Return updates that were missed."""
        ...

    def snapshot(self, snapshot: event_pb2.AnswerSnapshot, /) -> bytes:
        """Return an answer so far, and its ending where it has one."""
        ...

    def ended(self, refusal: Refusal, /) -> bytes:
        """Return that no more comes, though the answer has not ended."""
        ...


class GuideWords:
    """`content` and `done`: the same bytes for all viewers."""

    rendering = rendering.CHAT

    def sink(self, outlet: Sink) -> Sink:
        """Return the outlet itself."""
        return outlet

    def delivery(self, delivery: event_pb2.Delivery) -> bytes:
        """Return a block for each update."""
        blocks = [rendering.render(event, rendering.CHAT, "") for event in delivery.events]
        return b"".join(blocks)

    def snapshot(self, snapshot: event_pb2.AnswerSnapshot) -> bytes:
        """Return the snapshot's block, and the ending's."""
        return snapshot_blocks(snapshot)

    def ended(self, refusal: Refusal) -> bytes:
        """Return the last block, with an error."""
        error = {"error": server.closing_of(refusal), "done": True}
        return sse.block(ENCODER.encode(error))


class OwnWords:
    """The words of another protocol, where what is said depends on what was said before.

    Updates travel as they are until they are written, so that what a full queue drops and what
    comes again is never half told.
    """

    rendering = rendering.UPDATES

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    def sink(self, outlet: Sink) -> Sink:
        """Return what tells updates when they are written."""
        return Retold(outlet, self._telling)

    def delivery(self, delivery: event_pb2.Delivery) -> bytes:
        """Return the updates."""
        return event_pb2.Delivery(events=delivery.events).SerializeToString()

    def snapshot(self, snapshot: event_pb2.AnswerSnapshot) -> bytes:
        """Return updates that amount to the snapshot."""
        return retell(snapshot).SerializeToString()

    def ended(self, refusal: Refusal) -> bytes:
        """Return that it failed; nothing where the viewer had better come back: it is cut off."""
        if self._telling.resumes and refusal.retryable:
            return b""
        failed = event_pb2.AnswerFailed(
            code=FAILURES.get(refusal.code, common_pb2.ERROR_CODE_INTERNAL),
            message=refusal.message,
            retryable=refusal.retryable,
        )
        if refusal.retry_after_seconds is not None:
            failed.retry_after.CopyFrom(duration_of(refusal.retry_after_seconds))
        event = event_pb2.Event(answer=event_pb2.AnswerUpdate(failed=failed))
        return event_pb2.Delivery(events=[event]).SerializeToString()
