"""Tickets: what a page shows once, and soon, in the place of a token."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

import msgspec

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.log.shelf import Shelf

TICKET_BYTES: Final = 24
TICKET_SECONDS: Final = 30.0
MAX_OPEN: Final = 10_000
"""How many unused tickets a tenant may have."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who a ticket speaks for. `anybody`: in development, whoever's path it is shown with."""

    identity: Identity
    anybody: bool = False


class Tickets(Protocol):
    """Keeps tickets, as their SHA-256 only: how long a look takes tells nothing of any."""

    async def create(self, ticket: Ticket) -> tuple[str, int]:
        """Return a new ticket's text, and when it ends in Unix nanoseconds.

        TOO_LARGE where its tenant has too many that were not used.
        """
        ...

    async def take(self, text: str) -> Ticket:
        """Use a ticket; UNAUTHENTICATED where it is unknown, used or too old.

        Atomic: of all that ask for the same one exactly one gets it.
        """
        ...


class MemoryTickets:
    """`Tickets` of one process. Nothing in its methods suspends, so each is atomic."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: OrderedDict[bytes, tuple[int, Ticket]] = OrderedDict()  # in order of their end
        self._of_tenant: dict[str, int] = {}

    async def create(self, ticket: Ticket) -> tuple[str, int]:
        """Return a new ticket's text, and when it ends."""
        self._expire()
        tenant = ticket.identity.tenant
        if self._of_tenant.get(tenant, 0) >= MAX_OPEN:
            raise Rejection(Code.TOO_LARGE, "there are too many tickets that were not used")
        text = secrets.token_urlsafe(TICKET_BYTES)
        ends_ns = self._clock.time_ns() + int(TICKET_SECONDS * 1e9)
        self._open[_digest(text)] = (ends_ns, ticket)
        self._of_tenant[tenant] = self._of_tenant.get(tenant, 0) + 1
        return text, ends_ns

    async def take(self, text: str) -> Ticket:
        """Use a ticket."""
        self._expire()
        ticket = self._drop(_digest(text))
        if ticket is None:
            raise _unknown()
        return ticket

    def forget(self, text: str) -> None:
        """Know a ticket no longer. Idempotent."""
        self._drop(_digest(text))

    def _expire(self) -> None:
        now_ns = self._clock.time_ns()
        while self._open:
            digest, (ends_ns, _) = next(iter(self._open.items()))
            if ends_ns > now_ns:
                return
            self._drop(digest)

    def _drop(self, digest: bytes) -> Ticket | None:
        found = self._open.pop(digest, None)
        if found is None:
            return None
        tenant = found[1].identity.tenant
        self._of_tenant[tenant] -= 1
        if not self._of_tenant[tenant]:
            del self._of_tenant[tenant]
        return found[1]


class SharedTickets:
    """`Tickets` in the log: good at every node, and as long as the log keeps them.

    How many a tenant may have is counted by the node that makes them; one that another node took
    counts until its end.
    """

    def __init__(self, shelf: Shelf, clock: Clock) -> None:
        self._shelf = shelf
        self._counted = MemoryTickets(clock)

    async def create(self, ticket: Ticket) -> tuple[str, int]:
        """Return a new ticket's text, and when it ends; also raises what the log says."""
        text, ends_ns = await self._counted.create(ticket)
        try:
            await self._shelf.put(_name(text), msgspec.msgpack.encode(ticket), TICKET_SECONDS)
        except BaseException:  # also where who asks has gone
            self._counted.forget(text)
            raise
        return text, ends_ns

    async def take(self, text: str) -> Ticket:
        """Use a ticket; also raises what the log says."""
        name = _name(text)
        found = await self._shelf.get(name)
        if found is None or not await self._shelf.take(name, found.offset):
            raise _unknown()
        self._counted.forget(text)
        return msgspec.msgpack.decode(found.value, type=Ticket)


def _name(text: str) -> str:
    return _digest(text).hex()


def _digest(text: str) -> bytes:
    return sha256(text.encode(errors="replace")).digest()


def _unknown() -> Rejection:
    return Rejection(Code.UNAUTHENTICATED, "the ticket is unknown, used or too old")
