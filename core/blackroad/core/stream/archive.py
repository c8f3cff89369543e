"""The answers that a node knows: those in progress, and those that ended not long ago."""

from collections import deque
from collections.abc import Iterator, Mapping, Reversible

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.authorize import allows
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.limits import StreamLimits

PREFIX = "stream."
Label = tuple[str, str, str]  # tenant, name, value


class Archive:
    """Finds answers for those who may see them.

    Ended ones are kept for a time and within bytes, the oldest go first. An answer is seen by its
    invoker, its worker, and grants on `stream.<id>`; its invoker and grants of `manage` cancel it
    and give it input.
    """

    def __init__(self, clock: Clock, limits: StreamLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._answers: dict[str, Answer] = {}
        self._labelled: dict[Label, dict[Answer, None]] = {}  # the newest last; none is empty
        self._ended: deque[Answer] = deque()
        self._ended_bytes = 0

    def add(self, answer: Answer) -> None:
        """Know an answer."""
        self._answers[answer.key] = answer
        for label in answer.labels.items():
            self._labelled.setdefault((answer.tenant, *label), {})[answer] = None

    def find(self, key: str) -> Answer | None:
        """Return an answer by its channel's key."""
        return self._answers.get(key)

    def owns(self, identity: Identity, key: str) -> bool:
        """Tell whether the identity invoked or works on the answer of a channel, by its key."""
        answer = self._answers.get(key)
        return answer is not None and _takes_part(identity, answer)

    def known(self, identity: Identity, stream_id: str) -> Answer:
        """Return an answer of the identity's tenant; MISSING_FIELD, NOT_FOUND."""
        if not stream_id:
            raise Rejection(Code.MISSING_FIELD, "stream_id is required")
        self.tidy()
        answer = self._answers.get(f"{identity.tenant}.{PREFIX}{stream_id}")
        if answer is None:
            raise Rejection(Code.NOT_FOUND, "there is no such answer, or it is not kept any more")
        return answer

    def viewed(self, identity: Identity, stream_id: str) -> Answer:
        """Return an answer that the identity may see; also FORBIDDEN."""
        answer = self.known(identity, stream_id)
        if not may_view(identity, answer):
            raise _another(stream_id)
        return answer

    def managed(self, identity: Identity, stream_id: str) -> Answer:
        """Return an answer that the identity may cancel and give input to; also FORBIDDEN."""
        answer = self.known(identity, stream_id)
        own = same(identity, answer.invoker)
        if not own and not allows(identity, Action.MANAGE, PREFIX + stream_id):
            raise _another(stream_id)
        return answer

    def visible(self, identity: Identity, labels: Mapping[str, str]) -> Iterator[Answer]:
        """Yield the answers with all these labels that the identity may see, newest first.

        With labels it costs a look at each that has the rarest of them.
        """
        found: Reversible[Answer] = self._answers.values()
        if labels:
            keys = ((identity.tenant, *label) for label in labels.items())
            rarest = min((self._labelled.get(key, {}) for key in keys), key=len)
            found = rarest
        for answer in reversed(found):
            if labels.items() <= answer.labels.items() and may_view(identity, answer):
                yield answer

    def made_for(self, tenant: str, parent: str) -> list[Answer]:
        """Return the answers in progress here that were made for another. Looks at each."""
        return [
            answer
            for answer in self._answers.values()
            if answer.ancestors[-1:] == (parent,)
            and answer.tenant == tenant
            and not (answer.home or answer.ended)
        ]

    def keep(self, answer: Answer) -> None:
        """Keep an answer that has ended; drop what is over the bounds."""
        self._ended.append(answer)
        self._ended_bytes += answer.size
        self.tidy()

    def tidy(self) -> None:
        """Drop what is over the bounds."""
        oldest_ns = self._clock.time_ns() - int(self._limits.keep_seconds * 1e9)
        ended = self._ended
        while ended and (
            self._ended_bytes > self._limits.keep_bytes or ended[0].ended_ns < oldest_ns
        ):
            dropped = ended.popleft()
            self._ended_bytes -= dropped.size
            self.drop(dropped)

    def drop(self, answer: Answer) -> None:
        """Forget an answer. Idempotent."""
        self._answers.pop(answer.key, None)
        for label in answer.labels.items():
            key = (answer.tenant, *label)
            if labelled := self._labelled.get(key):
                labelled.pop(answer, None)
                if not labelled:
                    del self._labelled[key]


def may_view(identity: Identity, answer: Answer) -> bool:
    """Tell whether the identity may see an answer."""
    if identity.tenant != answer.invoker.tenant:
        return False
    granted = allows(identity, Action.SUBSCRIBE, PREFIX + answer.stream_id)
    return granted or _takes_part(identity, answer)


def _takes_part(identity: Identity, answer: Answer) -> bool:
    worker = answer.worker
    return same(identity, answer.invoker) or (
        worker is not None and same(identity, worker.identity)
    )


def same(identity: Identity, other: Identity) -> bool:
    """Tell whether two identities are one, whatever their grants."""
    return (
        identity.subject == other.subject
        and identity.kind is other.kind
        and identity.tenant == other.tenant
    )


def _another(stream_id: str) -> Rejection:
    return Rejection(Code.FORBIDDEN, "this answer is another's", channel=PREFIX + stream_id)
