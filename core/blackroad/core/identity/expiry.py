"""Sessions whose tokens run out: each ends a margin later, unless its token was refreshed."""

from heapq import heapify, heappop, heappush
from typing import Final, Protocol

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Ending
from blackroad.core.identity.identity import Identity

MARGIN_SECONDS: Final = 25.0
LOOK_SECONDS: Final = 1.0
"""How often a node looks."""


class Expiring(Protocol):
    """A session, as far as it ends with its token."""

    @property
    def session_id(self) -> str:
        """Its id."""
        ...

    @property
    def identity(self) -> Identity:
        """Who it speaks for now."""
        ...

    def end(self, ending: Ending) -> None:
        """Tell it to go. Idempotent; never blocks."""
        ...


class Expiry:
    """Ends sessions 25 s after their tokens' `exp`: so long a fresh token may be late."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[str, Expiring] = {}
        self._due: list[tuple[float, str]] = []  # at least one for each session, by Unix seconds

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def scheduled(self) -> int:
        """How much is remembered, also of sessions that went."""
        return len(self._due)

    def add(self, session: Expiring) -> None:
        """Watch a session, or look anew at one whose token was refreshed. Idempotent."""
        expires_at = session.identity.expires_at
        if expires_at is not None:
            self._sessions[session.session_id] = session
            heappush(self._due, (expires_at + MARGIN_SECONDS, session.session_id))
            self._tidy()

    def remove(self, session: Expiring) -> None:
        """Forget this session; a successor under the same id stays. Idempotent."""
        if self._sessions.get(session.session_id) is session:
            del self._sessions[session.session_id]
            self._tidy()

    def end_due(self) -> None:
        """End what is due."""
        now = self._clock.time_ns() / 1e9
        while self._due and self._due[0][0] <= now:
            _, session_id = heappop(self._due)
            session = self._sessions.get(session_id)
            if session is not None and _ends_at(session) <= now:
                del self._sessions[session_id]
                session.end(Ending(Code.TOKEN_EXPIRED))

    def _tidy(self) -> None:
        """Drop what belongs to no session any more once it is most of the heap."""
        if len(self._due) > 64 + 2 * len(self._sessions):
            self._due = [(_ends_at(one), name) for name, one in self._sessions.items()]
            heapify(self._due)


def _ends_at(session: Expiring) -> float:
    expires_at = session.identity.expires_at
    return float("inf") if expires_at is None else expires_at + MARGIN_SECONDS
