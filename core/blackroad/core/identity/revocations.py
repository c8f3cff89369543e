"""What was revoked before its time: tokens by their id, and all of a subject up to a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.log.entry import Entry
from blackroad.core.names import tenant_of, unscope
from blackroad.realtime.v1 import common_pb2, event_pb2

CONTROL: Final = "system.control"
REVOKED: Final = "token.revoked"
MAX_KEPT: Final = 100_000


class Revoked(msgspec.Struct, frozen=True):
    """Body of `token.revoked`: `jti`, or `subject` with `before` in Unix seconds."""

    jti: str = ""
    subject: str = ""
    before: float = 0.0


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of the list."""

    id: str  # of the event that made it: they are in the order of time
    tenant: str
    what: Revoked
    created_ns: int
    sender: str
    sender_kind: common_pb2.EntityKind.ValueType

    def ends(self, identity: Identity) -> bool:
        """Tell whether an identity is revoked by it."""
        if identity.tenant != self.tenant:
            return False
        if self.what.jti:
            return identity.token_id == self.what.jti
        return identity.subject == self.what.subject and (
            identity.issued_at is None or identity.issued_at < self.what.before
        )


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """An entry as it is kept."""

    id: str
    what: Revoked
    created_ns: int
    sender: str
    sender_kind: int


class Revocations:
    """What is revoked, as the log says. Changes only by `apply`, at one place of the log.

    An entry is kept until the longest-lived token that it ends must have expired. `listeners` are
    told of each new one from within `apply`; they must not block.
    """

    def __init__(self, clock: Clock, max_lifetime_seconds: float) -> None:
        self.listeners: list[Callable[[Revocation], None]] = []
        self._clock = clock
        self._max_lifetime_ns = int(max_lifetime_seconds * 1e9)
        self._all: dict[str, Revocation] = {}  # by id, in the order of the log
        self._of_token: dict[tuple[str, str], Revocation] = {}
        self._of_subject: dict[tuple[str, str], Revocation] = {}

    def __len__(self) -> int:
        return len(self._all)

    def check(self, identity: Identity) -> None:
        """Return where the identity's token holds; else raise UNAUTHENTICATED."""
        if self._all and self.revoked(identity):
            raise Rejection(Code.UNAUTHENTICATED, "the token was revoked")

    def revoked(self, identity: Identity) -> bool:
        """Tell whether an identity is revoked."""
        if (identity.tenant, identity.token_id) in self._of_token:
            return True
        found = self._of_subject.get((identity.tenant, identity.subject))
        return found is not None and found.ends(identity)

    def check_room(self) -> None:
        """Raise TOO_LARGE where no more can be kept."""
        self._expire()
        if len(self._all) >= MAX_KEPT:
            raise Rejection(Code.TOO_LARGE, f"the list of revocations has {MAX_KEPT} entries")

    def page(self, tenant: str, before: str, limit: int) -> list[Revocation]:
        """Return up to `limit` of a tenant, newest first, older than the entry `before`."""
        self._expire()
        found: list[Revocation] = []
        for entry in reversed(self._all.values()):
            if entry.tenant == tenant and (not before or entry.id < before):
                found.append(entry)
                if len(found) == limit:
                    break
        return found

    def get(self, identifier: str) -> Revocation | None:
        """Return the entry that an event has made."""
        return self._all.get(identifier)

    def apply(self, entry: Entry) -> None:
        """Take up a control event. Idempotent; other events change nothing."""
        if entry.type != REVOKED or unscope(entry.key) != CONTROL:
            return
        event = event_pb2.Event.FromString(entry.body)
        what = msgspec.json.decode(event.json, type=Revoked)
        made = Revocation(
            event.id, tenant_of(entry.key), what, entry.time_ns, event.sender, event.sender_kind
        )
        self._expire()
        self._take(made)

    @property
    def tenants(self) -> set[str]:
        """Those that have entries."""
        return {one.tenant for one in self._all.values()}

    def made(self, tenant: str) -> bytes:
        """Return a tenant's entries, to be kept; nothing where it has none."""
        self._expire()
        kept = [
            _Kept(one.id, one.what, one.created_ns, one.sender, int(one.sender_kind))
            for one in self._all.values()
            if one.tenant == tenant
        ]
        return msgspec.json.encode(kept) if kept else b""

    def restore(self, tenant: str, made: bytes) -> None:
        """Take up a tenant's entries that were kept; listeners are told of those that are new."""
        for one in msgspec.json.decode(made, type=list[_Kept]):
            kind = common_pb2.EntityKind.ValueType(one.sender_kind)
            self._take(Revocation(one.id, tenant, one.what, one.created_ns, one.sender, kind))

    def _take(self, made: Revocation) -> None:
        if made.id in self._all:
            return
        self._keep(made)
        for listener in tuple(self.listeners):
            listener(made)

    def _keep(self, made: Revocation) -> None:
        self._all[made.id] = made
        if made.what.jti:
            self._of_token[made.tenant, made.what.jti] = made
            return
        key = (made.tenant, made.what.subject)
        former = self._of_subject.get(key)
        if former is None or former.what.before <= made.what.before:
            self._of_subject[key] = made

    def _expire(self) -> None:
        """Forget the oldest whose tokens have all expired."""
        now_ns = self._clock.time_ns()
        while self._all:
            oldest = next(iter(self._all.values()))
            ends_ns = max(oldest.created_ns, int(oldest.what.before * 1e9)) + self._max_lifetime_ns
            if ends_ns > now_ns:
                return
            del self._all[oldest.id]
            for index, key in (
                (self._of_token, (oldest.tenant, oldest.what.jti)),
                (self._of_subject, (oldest.tenant, oldest.what.subject)),
            ):
                if index.get(key) is oldest:
                    del index[key]
