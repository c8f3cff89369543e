"""Invitations: codes with which whoever has one becomes a member of a channel."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from heapq import heappop, heappush
from typing import Final, Protocol

from blackroad.core.channel.control import Change, What
from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.names import tenant_of

CODE_BYTES: Final = 24
MAX_OF_CHANNEL: Final = 1_000
MAX_OF_TENANT: Final = 10_000


@dataclass(slots=True)
class Invitation:
    """A channel that may be joined so many times more, until a time."""

    key: str
    uses: int
    expires_ns: int
    node: str = ""  # that keeps it, where this is another


class Invitations(Protocol):
    """Keeps invitations. A code is stored as its SHA-256 only.

    So what is looked up is a digest: how long that takes tells nothing about the code.
    """

    async def create(self, key: str, uses: int, expires_ns: int) -> str:
        """Return a new code. TOO_LARGE where the channel or its tenant has too many."""
        ...

    async def take(self, tenant: str, code: str) -> Invitation:
        """Use a code once; NOT_FOUND where it is unknown, used up, expired or another tenant's.

        Atomic: of n uses exactly n are taken, whoever asks at the same time.
        """
        ...

    async def give_back(self, invitation: Invitation) -> None:
        """Undo a `take` that came to nothing."""
        ...


class MemoryInvitations:
    """`Invitations` of one process. Nothing in its methods suspends, so each is atomic."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._invitations: dict[tuple[str, bytes], Invitation] = {}
        self._of_channel: dict[str, dict[bytes, None]] = {}
        self._of_tenant: dict[str, int] = {}
        self._ends: list[tuple[int, str, bytes]] = []

    async def create(self, key: str, uses: int, expires_ns: int) -> str:
        """Return a new code."""
        self._expire()
        tenant = tenant_of(key)
        if (
            len(self._of_channel.get(key, ())) >= MAX_OF_CHANNEL
            or self._of_tenant.get(tenant, 0) >= MAX_OF_TENANT
        ):
            raise Rejection(Code.TOO_LARGE, "there are too many open invitations")
        code = secrets.token_urlsafe(CODE_BYTES)
        digest = _digest(code)
        self._invitations[tenant, digest] = Invitation(key, uses, expires_ns)
        self._of_channel.setdefault(key, {})[digest] = None
        self._of_tenant[tenant] = self._of_tenant.get(tenant, 0) + 1
        heappush(self._ends, (expires_ns, tenant, digest))
        return code

    async def take(self, tenant: str, code: str) -> Invitation:
        """Use a code once."""
        self._expire()
        invitation = self._invitations.get((tenant, _digest(code)))
        if invitation is None or invitation.uses == 0:
            raise Rejection(Code.NOT_FOUND, "the invitation is unknown, used up or expired")
        invitation.uses -= 1
        return invitation

    async def give_back(self, invitation: Invitation) -> None:
        """Undo a `take`."""
        invitation.uses += 1

    def take_up(self, change: Change) -> None:
        """Forget the invitations to a channel that was deleted."""
        if change.what is What.DELETED:
            for digest in tuple(self._of_channel.get(change.key, ())):
                self._drop(tenant_of(change.key), digest)

    def _expire(self) -> None:
        now_ns = self._clock.time_ns()
        while self._ends and self._ends[0][0] <= now_ns:
            _, tenant, digest = heappop(self._ends)
            self._drop(tenant, digest)

    def _drop(self, tenant: str, digest: bytes) -> None:
        invitation = self._invitations.pop((tenant, digest), None)
        if invitation is None:
            return
        of_channel = self._of_channel[invitation.key]
        del of_channel[digest]
        if not of_channel:
            del self._of_channel[invitation.key]
        self._of_tenant[tenant] -= 1
        if not self._of_tenant[tenant]:
            del self._of_tenant[tenant]


def _digest(code: str) -> bytes:
    return sha256(code.encode()).digest()
