"""What was answered to appends that named an idempotency key, so that a retry finds it."""

from blackroad.core.log.base import Appended

ROTATION_SECONDS = 300.0
_ROTATION_NS = int(ROTATION_SECONDS * 1e9)


def request_of(channel: str, subject: str, key: str) -> str:
    """Return the words that only a repeated request has again."""
    return f"{channel} {len(subject)} {subject}{key}"


class Answers:
    """First answers in two tables that rotate: each is known for 5 to 10 minutes.

    At most `limit` are held. None is forgotten early: where it is full, a new one must be refused.
    """

    def __init__(self, limit: int, now_ns: int) -> None:
        self._limit = limit
        self._present: dict[str, Appended] = {}
        self._former: dict[str, Appended] = {}
        self._rotates_ns = now_ns + _ROTATION_NS

    def __len__(self) -> int:
        return len(self._present) + len(self._former)

    def find(self, request: str) -> Appended | None:
        """Return what was answered first."""
        return self._present.get(request) or self._former.get(request)

    def put(self, request: str, answer: Appended) -> None:
        """Remember a first answer; there must be room."""
        self._present[request] = answer

    def full(self) -> bool:
        """Tell whether nothing more can be remembered now."""
        return len(self) >= self._limit

    def room_in_seconds(self, now_ns: int) -> float:
        """Return when the tables rotate next."""
        return max(0.0, (self._rotates_ns - now_ns) / 1e9)

    def rotate(self, now_ns: int) -> None:
        """Forget what is older than two turns."""
        if now_ns < self._rotates_ns:
            return
        late = now_ns - self._rotates_ns >= _ROTATION_NS  # a whole turn: the present one is old too
        self._former = {} if late else self._present
        self._present = {}
        self._rotates_ns = (now_ns if late else self._rotates_ns) + _ROTATION_NS
