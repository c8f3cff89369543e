"""Invitations: codes with which whoever has one becomes a member of a channel."""

import asyncio
import secrets
from collections.abc import Callable
from hashlib import sha256
from heapq import heappop, heappush
from typing import Final

import msgspec

from blackroad.core.channel.control import Change, What
from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.shelf import Item, Shelf
from blackroad.core.names import tenant_of

CODE_BYTES: Final = 24
MAX_OF_CHANNEL: Final = 1_000
MAX_OF_TENANT: Final = 10_000
TRIES: Final = 100  # to change one that others change, too


class Invitation(msgspec.Struct, array_like=True, frozen=True):
    """A channel that may be joined so many times more, until a time."""

    key: str
    uses: int
    expires_ns: int
    floor: int  # the offset at which the channel was last deleted when it was made
    name: str  # under which it is kept


class Invitations:
    """Keeps invitations in the log, so that they are good at every node.

    A code is stored as its SHA-256 only: what is looked up is a digest, and how long that takes
    tells nothing about the code. How many are open is counted by the node that makes them.
    """

    def __init__(self, shelf: Shelf, floor: Callable[[str], int], clock: Clock) -> None:
        self._shelf = shelf
        self._floor = floor
        self._clock = clock
        self._open = _Open()
        self._turn = asyncio.Lock()

    async def create(self, key: str, uses: int, expires_ns: int) -> str:
        """Return a new code. TOO_LARGE where the channel or its tenant has too many."""
        self._open.check(key, self._clock.time_ns())
        code = secrets.token_urlsafe(CODE_BYTES)
        made = Invitation(key, uses, expires_ns, self._floor(key), _name(code))
        self._open.add(made)
        try:
            await self._shelf.put(made.name, msgspec.msgpack.encode(made), self._seconds(made))
        except BaseException:  # also where who asks has gone
            self._open.drop(key, made.name)
            raise
        return code

    async def take(self, tenant: str, code: str) -> Invitation:
        """Use a code once; NOT_FOUND where it is unknown, used up, expired or another tenant's.

        Atomic: of n uses exactly n are taken, whoever asks at whatever node at the same time.
        """
        return await self._change(tenant, _name(code), -1)

    async def give_back(self, invitation: Invitation) -> None:
        """Undo a `take` that came to nothing; where it is gone meanwhile, do nothing."""
        try:
            await self._change(tenant_of(invitation.key), invitation.name, 1)
        except Rejection as rejection:
            if rejection.code is not Code.NOT_FOUND:
                raise

    def take_up(self, change: Change) -> None:
        """Count no longer the invitations to a channel that was deleted: they are good no more."""
        if change.what is What.DELETED:
            self._open.forget(change.key)

    async def _change(self, tenant: str, name: str, by: int) -> Invitation:
        self._changed(tenant, await self._shelf.get(name), by)
        async with self._turn:  # so that only other nodes are in the way
            for _ in range(TRIES):
                found, changed = self._changed(tenant, await self._shelf.get(name), by)
                value = msgspec.msgpack.encode(changed)
                seconds = self._seconds(changed)
                if await self._shelf.swap(name, found.offset, value, seconds) is not None:
                    return changed
        raise Rejection(Code.UNAVAILABLE, "too many use this invitation at once")

    def _changed(self, tenant: str, found: Item | None, by: int) -> tuple[Item, Invitation]:
        """Return what one becomes that has so many uses more, where it is good."""
        if found is not None:
            now = msgspec.msgpack.decode(found.value, type=Invitation)
            good = now.expires_ns > self._clock.time_ns() and now.floor == self._floor(now.key)
            if good and tenant_of(now.key) == tenant and now.uses + by >= 0:
                return found, msgspec.structs.replace(now, uses=now.uses + by)
        raise Rejection(Code.NOT_FOUND, "the invitation is unknown, used up or expired")

    def _seconds(self, invitation: Invitation) -> float:
        return max((invitation.expires_ns - self._clock.time_ns()) / 1e9, 0.001)


class _Open:
    """Counts what is open, by channel and tenant, until it expires."""

    def __init__(self) -> None:
        self._of_channel: dict[str, set[str]] = {}
        self._of_tenant: dict[str, int] = {}
        self._ends: list[tuple[int, str, str]] = []

    def check(self, key: str, now_ns: int) -> None:
        """Raise TOO_LARGE where there is no room for one more."""
        while self._ends and self._ends[0][0] <= now_ns:
            _, ended, name = heappop(self._ends)
            self.drop(ended, name)
        of_channel = len(self._of_channel.get(key, ()))
        if of_channel >= MAX_OF_CHANNEL or self._of_tenant.get(tenant_of(key), 0) >= MAX_OF_TENANT:
            raise Rejection(Code.TOO_LARGE, "there are too many open invitations")

    def add(self, made: Invitation) -> None:
        """Count one."""
        self._of_channel.setdefault(made.key, set()).add(made.name)
        tenant = tenant_of(made.key)
        self._of_tenant[tenant] = self._of_tenant.get(tenant, 0) + 1
        heappush(self._ends, (made.expires_ns, made.key, made.name))

    def forget(self, key: str) -> None:
        """Count those of a channel no more."""
        for name in tuple(self._of_channel.get(key, ())):
            self.drop(key, name)

    def drop(self, key: str, name: str) -> None:
        """Count one no more. Idempotent."""
        of_channel = self._of_channel.get(key, set())
        if name not in of_channel:
            return
        of_channel.discard(name)
        if not of_channel:
            del self._of_channel[key]
        tenant = tenant_of(key)
        self._of_tenant[tenant] -= 1
        if not self._of_tenant[tenant]:
            del self._of_tenant[tenant]


def _name(code: str) -> str:
    return sha256(code.encode()).hexdigest()
