"""All sessions of a node, at whatever door."""

import asyncio
from bisect import bisect_right
from typing import Protocol

from blackroad.core.clock import SystemClock
from blackroad.core.errors import Code, Ending
from blackroad.core.identity.expiry import Expiry
from blackroad.core.identity.identity import Identity
from blackroad.realtime.v1 import admin_pb2, common_pb2

DRAIN_BATCH = 200


class Session(Protocol):
    """One connected client, as the registry and operators see it."""

    @property
    def session_id(self) -> str:
        """The id, `se_` and a UUIDv7."""
        ...

    @property
    def identity(self) -> Identity:
        """Who it speaks for."""
        ...

    @property
    def door(self) -> admin_pb2.Door.ValueType:
        """How it is connected."""
        ...

    @property
    def method(self) -> str:
        """The rpc, for gRPC; empty otherwise."""
        ...

    @property
    def client(self) -> common_pb2.ClientInfo:
        """Its software."""
        ...

    @property
    def connected_ns(self) -> int:
        """When it came, Unix nanoseconds."""
        ...

    @property
    def subscriptions(self) -> list[str]:
        """The names and patterns that it follows."""
        ...

    @property
    def queued_bytes(self) -> int:
        """What waits for it to read."""
        ...

    @property
    def catching_up(self) -> bool:
        """Whether a subscription of it has not yet all that it missed."""
        ...

    def gap_ns(self, subscription: str, /) -> int:
        """Return when a subscription was last told of a gap, Unix nanoseconds; 0: never."""
        ...

    def end(self, ending: Ending) -> None:
        """Tell it to go: it gets a closing frame, then its stream ends. Idempotent.

        Never blocks.
        """
        ...


class Sessions:
    """The registry. Ids are sorted by time, so a page is a slice."""

    def __init__(self, expiry: Expiry | None = None) -> None:
        self._sessions: dict[str, Session] = {}
        self._expiry = Expiry(SystemClock()) if expiry is None else expiry

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, session: Session) -> None:
        """Add a session, which ends with its token."""
        self._sessions[session.session_id] = session
        self._expiry.add(session)

    def remove(self, session: Session) -> None:
        """Remove this session; a successor under the same id stays. Idempotent."""
        if self._sessions.get(session.session_id) is session:
            del self._sessions[session.session_id]
            self._expiry.remove(session)

    def get(self, session_id: str) -> Session | None:
        """Return a session."""
        return self._sessions.get(session_id)

    def all(self) -> list[Session]:
        """Return all sessions at this moment."""
        return list(self._sessions.values())

    def page(self, tenant: str, after: str, limit: int) -> list[Session]:
        """Return up to `limit` sessions of a tenant with ids after `after`, in order."""
        ids = sorted(self._sessions)
        chosen: list[Session] = []
        for session_id in ids[bisect_right(ids, after) :]:
            session = self._sessions[session_id]
            if session.identity.tenant == tenant:
                chosen.append(session)
                if len(chosen) == limit:
                    break
        return chosen

    async def drain(self, seconds: float, *, aside: type[Session]) -> None:
        """Tell all that are here to go, but for those of a kind that others tell.

        In batches, over so many seconds where one is not enough. Each is told a time of its own
        after which to come back.
        """
        going = [one for one in self.all() if not isinstance(one, aside)]
        batches = range(0, len(going), DRAIN_BATCH)
        for start in batches:
            for number, session in enumerate(going[start : start + DRAIN_BATCH]):
                session.end(
                    Ending(Code.DRAINING, retry_after_seconds=round(number / DRAIN_BATCH, 3))
                )
            await asyncio.sleep(seconds / len(batches) if len(batches) > 1 else 0)
