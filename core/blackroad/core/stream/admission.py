"""What an invocation must be to become an answer, and under which answer it stands."""

from collections.abc import Mapping
from typing import Final

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.archive import Archive, same
from blackroad.core.stream.limits import StreamLimits
from blackroad.realtime.v1 import stream_pb2

MAX_ID_BYTES: Final = 128
MAX_LABELS: Final = 8
MAX_LABELS_BYTES: Final = 1024


class Admission:
    """Checks what is asked; raises what `Invoke` says of it."""

    def __init__(self, archive: Archive, limits: StreamLimits) -> None:
        self._archive = archive
        self._limits = limits

    def check(self, invoke: stream_pb2.Invoke) -> int:
        """Check an input and return its bytes."""
        if invoke.text:
            if invoke.messages:
                raise Rejection(Code.BAD_FRAME, "an input is text or messages, not both")
        elif not invoke.messages:
            raise Rejection(Code.MISSING_FIELD, "an input is required: text or messages")
        elif not all(message.parts for message in invoke.messages):
            raise Rejection(Code.MISSING_FIELD, "a message has at least one part")
        size = invoke.ByteSize()
        if size > self._limits.input_bytes:
            raise Rejection(Code.TOO_LARGE, "an input is at most 4 MiB")
        if len(invoke.conversation.encode()) > MAX_ID_BYTES:
            raise Rejection(Code.INVALID_NAME, "a conversation's id is at most 128 bytes")
        if invoke.labels:
            _check_labels(invoke.labels)
        return size

    def seconds(self, invoke: stream_pb2.Invoke) -> float:
        """Return how long an answer may take."""
        if not invoke.HasField("deadline"):
            return self._limits.deadline_seconds
        seconds: float = invoke.deadline.seconds + invoke.deadline.nanos / 1e9
        return min(max(seconds, 0.0), self._limits.max_deadline_seconds)

    def put_under_parent(self, answer: Answer, identity: Identity) -> Answer:
        """Put an answer under the one that it is asked for.

        Its time ends with the parent's, and it never asks upwards.
        """
        parent = self._archive.known(identity, answer.invoke.parent_stream_id)
        worker = parent.worker
        if parent.ended or parent.stopping or worker is None:
            raise Rejection(Code.CONFLICT, "the parent answer is not in progress")
        if not same(worker.identity, identity):
            raise Rejection(Code.FORBIDDEN, "only its worker may ask on behalf of an answer")
        answer.ancestors = (*parent.ancestors, parent.stream_id)
        if len(answer.ancestors) > self._limits.depth:
            depth = self._limits.depth
            raise Rejection(Code.CONFLICT, f"invocations are nested more than {depth} deep")
        answer.lineage = parent.lineage | {worker.agent} if worker.agent else parent.lineage
        if answer.route.agent in answer.lineage:
            raise Rejection(Code.CONFLICT, f"{answer.route.agent} itself waits for this answer")
        answer.deadline_at = min(answer.deadline_at, parent.deadline_at)
        return parent


def _check_labels(labels: Mapping[str, str]) -> None:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in labels.items())
    if len(labels) > MAX_LABELS or size > MAX_LABELS_BYTES:
        raise Rejection(Code.TOO_LARGE, "an answer has at most 8 labels of 1 KiB together")
