"""Tickets and invitations of a fleet: each is kept by the node that made it, which is asked."""

import msgspec

from blackroad.core.channel.invitations import Invitation, Invitations
from blackroad.core.errors import Code, Rejection
from blackroad.core.fleet.fleet import Fleet
from blackroad.core.identity.tickets import Ticket, Tickets

_ENCODE = msgspec.msgpack.encode


class FleetTickets:
    """`Tickets` of all nodes. One goes with the node that made it, and lives half a minute."""

    def __init__(self, own: Tickets, fleet: Fleet) -> None:
        self._own = own
        self._fleet = fleet
        fleet.asks.handlers["ticket.take"] = self._asked

    async def create(self, ticket: Ticket) -> tuple[str, int]:
        """Return a new ticket's text, and when it ends; see `Tickets`."""
        return await self._own.create(ticket)

    async def take(self, text: str) -> Ticket:
        """Use a ticket; see `Tickets`."""
        try:
            return await self._own.take(text)
        except Rejection:
            others = self._fleet.others
            question = text.encode(errors="replace")
            for answer in await self._fleet.asks.ask_each(others, "ticket.take", question):
                return msgspec.msgpack.decode(answer, type=Ticket)
            raise

    async def _asked(self, question: bytes) -> bytes:
        return _ENCODE(await self._own.take(question.decode()))


class FleetInvitations:
    """`Invitations` of all nodes. One goes with the node that made it."""

    def __init__(self, own: Invitations, fleet: Fleet) -> None:
        self._own = own
        self._fleet = fleet
        self._given: dict[str, Invitation] = {}
        fleet.asks.handlers |= {
            "invitation.take": self._asked_to_take,
            "invitation.back": self._asked_to_give_back,
        }

    async def create(self, key: str, uses: int, expires_ns: int) -> str:
        """Return a new code; see `Invitations`."""
        return await self._own.create(key, uses, expires_ns)

    async def take(self, tenant: str, code: str) -> Invitation:
        """Use a code once; see `Invitations`."""
        try:
            return await self._own.take(tenant, code)
        except Rejection as rejection:
            if rejection.code is not Code.NOT_FOUND:
                raise
            question = _ENCODE((tenant, code))
            others = self._fleet.others
            for answer in await self._fleet.asks.ask_each(others, "invitation.take", question):
                return msgspec.msgpack.decode(answer, type=Invitation)
            raise

    async def give_back(self, invitation: Invitation) -> None:
        """Undo a `take`; see `Invitations`."""
        if not invitation.node:
            await self._own.give_back(invitation)
        elif self._fleet.knows(invitation.node):
            question = invitation.key.encode()
            await self._fleet.asks.ask(invitation.node, "invitation.back", question)

    async def _asked_to_take(self, question: bytes) -> bytes:
        tenant, code = msgspec.msgpack.decode(question, type=tuple[str, str])
        taken = await self._own.take(tenant, code)
        self._given[taken.key] = taken
        return _ENCODE(Invitation(taken.key, taken.uses, taken.expires_ns, self._fleet.node))

    async def _asked_to_give_back(self, question: bytes) -> bytes:
        if (taken := self._given.pop(question.decode(), None)) is not None:
            await self._own.give_back(taken)
        return b""
