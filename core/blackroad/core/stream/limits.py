"""The bounds within which invocations and answers live."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bounds and waits, with the values that hold where nobody says otherwise."""

    keep_seconds: float = 3600.0  # that an answer is kept after its end
    keep_bytes: int = 64 << 20  # of ended answers; the oldest go first
    answer_bytes: int = (
        3 << 20
    )  # of one answer, so that its snapshot is a frame; then it ends by length
    input_bytes: int = 4 << 20
    update_bytes: int = 64 << 10  # of one event's body
    deadline_seconds: float = 600.0  # where an invocation names none
    max_deadline_seconds: float = 86400.0
    queue_items: int = 1000  # for each target
    queue_bytes: int = 32 << 20  # for each target
    cancel_seconds: float = 5.0  # that a worker has to confirm
    grace_seconds: float = 5.0  # that a lost worker has to come back
    abandoned_seconds: float = 5.0  # where an invocation that wants it names none
    tries: int = 8  # workers that may refuse or lose one invocation
    depth: int = 8  # of invocations made for invocations
    conversation_tokens: int = 8192  # of earlier turns that are given to an agent
    turns: int = 300  # the most of them
    turns_bytes: int = 256 << 10
    position_seconds: float = 1.0  # between two words on the place in the queue
    positions: int = 100  # of a queue's first that are told how they move
    journal_bytes: int = 8 << 20  # not yet in the log; then workers are read no more
