"""The calls of AccessService: tickets and tokens for oneself, revocations by who may `manage`."""

import asyncio
from collections.abc import Awaitable
from typing import Final, Protocol

from blackroad.core.channel.paging import item_before, page_size, token_after
from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.authorize import authorize
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.identity.passes import Use
from blackroad.core.identity.peer import Peers
from blackroad.core.identity.revocations import CONTROL, REVOKED, Revocation, Revoked
from blackroad.core.log.base import Append, Keep
from blackroad.core.log.entry import Positions
from blackroad.core.names import check_id
from blackroad.core.publisher import Publisher
from blackroad.realtime.v1 import access_pb2, common_pb2

APPLY_SECONDS: Final = 10.0


class Reader(Protocol):
    """Who reads the log for this node: the hub."""

    @property
    def heads(self) -> Positions:
        """How far the node has handed on the log."""
        ...

    def reached(self, positions: Positions) -> Awaitable[None]:
        """Return when the node has handed on all up to these positions."""
        ...


class AccessCalls:
    """Answers each call, or raises `Rejection`."""

    def __init__(
        self, peers: Peers, publisher: Publisher, reader: Reader, clock: Clock, keep_seconds: float
    ) -> None:
        self._peers = peers
        self._publisher = publisher
        self._reader = reader
        self._clock = clock
        self._keep = Keep(1000, keep_seconds)

    async def create_ticket(
        self, identity: Identity, request: access_pb2.CreateTicketRequest
    ) -> access_pb2.CreateTicketResponse:
        """Return a ticket for the caller's own identity, and a session cookie where asked for."""
        client_id = check_id(request.client_id) if request.client_id else ""
        ticket = self._peers.ticket_for(identity, client_id)
        answer = access_pb2.CreateTicketResponse()
        if request.cookie:
            answer.cookie, ends_at = self._peers.passes.sign(ticket, Use.COOKIE)
            answer.cookie_expire_time.FromNanoseconds(int(ends_at * 1e9))
        answer.ticket, ends_ns = await self._peers.tickets.create(ticket)
        answer.expire_time.FromNanoseconds(ends_ns)
        return answer

    async def create_token(self, identity: Identity) -> access_pb2.CreateTokenResponse:
        """Return a token of the core's own for the caller's own identity."""
        token, ends_at = self._peers.token_for(identity)
        answer = access_pb2.CreateTokenResponse(token=token, identity=identity.wire)
        answer.expire_time.FromNanoseconds(int(ends_at * 1e9))
        return answer

    async def revoke(
        self, identity: Identity, request: access_pb2.RevokeRequest
    ) -> access_pb2.RevokeResponse:
        """Revoke, by an event of `system.control`; return once this node has applied it.

        UNKNOWN where the node does not come to apply it in time.
        """
        authorize(identity, Action.MANAGE, CONTROL)
        what = self._what(request)
        self._peers.revocations.check_room()
        record = self._publisher.record(
            CONTROL, REVOKED, sender=identity.subject, kind=identity.kind, json=what
        )
        append = Append(identity.key(CONTROL), [record], self._keep)
        (appended,) = await self._publisher.emit([append])
        places = list(self._reader.heads)
        places[appended.partition] = appended.position
        try:
            async with asyncio.timeout(APPLY_SECONDS):
                await self._reader.reached(tuple(places))
        except TimeoutError as error:
            raise Rejection(Code.UNKNOWN, "it may or may not be revoked: look again") from error
        made = self._peers.revocations.get(record.event_id)
        if made is None:
            raise Rejection(Code.UNKNOWN, "it may or may not be revoked: look again")
        return access_pb2.RevokeResponse(revocation=_wire(made))

    async def list_revocations(
        self, identity: Identity, request: access_pb2.ListRevocationsRequest
    ) -> access_pb2.ListRevocationsResponse:
        """Return a page of the tenant's revocations, newest first."""
        authorize(identity, Action.MANAGE, CONTROL)
        before = item_before(request.page_token) if request.page_token else ""
        size = page_size(request.page_size)
        found = self._peers.revocations.page(identity.tenant, before, size + 1)
        return access_pb2.ListRevocationsResponse(
            revocations=map(_wire, found[:size]),
            next_page_token=token_after(found[size - 1].id) if len(found) > size else "",
        )

    def _what(self, request: access_pb2.RevokeRequest) -> Revoked:
        match request.WhichOneof("target"):
            case "jti":
                return Revoked(jti=check_id(request.jti))
            case "subject":
                subject = request.subject
                if not subject.subject:
                    raise Rejection(Code.MISSING_FIELD, "subject is required")
                before = self._clock.time_ns()
                if subject.HasField("before_time"):
                    before = subject.before_time.ToNanoseconds()
                return Revoked(subject=check_id(subject.subject), before=before / 1e9)
            case None:
                raise Rejection(Code.MISSING_FIELD, "jti or subject is required")


def _wire(made: Revocation) -> access_pb2.Revocation:
    wire = access_pb2.Revocation(
        creator=common_pb2.Identity(tenant=made.tenant, subject=made.sender, kind=made.sender_kind)
    )
    if made.what.jti:
        wire.jti = made.what.jti
    else:
        wire.subject.subject = made.what.subject
        wire.subject.before_time.FromNanoseconds(int(made.what.before * 1e9))
    wire.create_time.FromNanoseconds(made.created_ns)
    return wire
