"""Who is at the other end of a call or a browser session, from what it showed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from blackroad.core.clock import Clock, SystemClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.certificates import Certificates
from blackroad.core.identity.development import developer_service, developer_user
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.jwks import Jwks, KeysComingError, reader_of
from blackroad.core.identity.passes import OWN_SECONDS, Passes, Use, is_pass
from blackroad.core.identity.revocations import Revocations
from blackroad.core.identity.tickets import MemoryTickets, Ticket, Tickets
from blackroad.core.identity.tokens import Verifier
from blackroad.core.settings import AuthSettings, TlsSettings

AUTHORIZATION: Final = "authorization"
ACT_AS_CLIENT_ID: Final = "blackroad-act-as-client-id"
ACT_AS_TOKEN: Final = "blackroad-act-as-token"  # noqa: S105 (a header's name)
ACT_AS_TICKET: Final = "blackroad-act-as-ticket"


def _no_certificate() -> str:
    return ""


class Peers:
    """Knows callers by their tokens, certificates, tickets and passes.

    Those without any it knows by the rules of development mode. Whatever is shown, an identity that
    has expired or was revoked is nobody.
    """

    def __init__(
        self,
        auth: AuthSettings,
        clock: Clock | None = None,
        tls: TlsSettings | None = None,
        tickets: Tickets | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.development = auth.development
        self.revocations = Revocations(clock, auth.max_lifetime_seconds)
        self.tickets: Tickets = tickets or MemoryTickets(clock)
        self.passes = Passes(auth)
        self._jwks = _jwks(auth, clock)
        self._verifier = Verifier(auth, self._jwks)
        self._certificates = Certificates(tls.identities if tls is not None else {})

    async def run(self) -> None:
        """Keep the keys of a JWKS fresh until cancelled; return where there is none."""
        if self._jwks is not None:
            await self._jwks.run()

    async def caller(
        self, metadata: Mapping[str, str], certificate: Callable[[], str] = _no_certificate
    ) -> Identity:
        """Return who a gRPC call is made for: its sender, or the one that a gateway names.

        `certificate` returns the client's, as PEM, where TLS has verified one. A key that is being
        read is waited for, 3 s at most. Raises `Rejection`: UNAUTHENTICATED, TOKEN_EXPIRED,
        FORBIDDEN (speaks for others and may not), INVALID_NAME, UNAVAILABLE.
        """
        try:
            return await self._caller(metadata, certificate)
        except KeysComingError:
            if self._jwks is None:
                raise
            await self._jwks.renewed()
            return await self._caller(metadata, certificate)

    async def client(
        self,
        client_id: str,
        *,
        token: str = "",
        ticket: str = "",
        session_id: str = "",
        events: bool = False,
    ) -> Identity:
        """Return who a browser is, by the client id of its path (empty: none) and what it showed.

        `session_id` is that of a session which comes back; `events`: it follows server-sent events,
        for which cookies are good. Raises `Rejection`: UNAUTHENTICATED, TOKEN_EXPIRED, FORBIDDEN
        (the client id is not the token's subject), INVALID_NAME, UNAVAILABLE.
        """
        if token:
            identity = self._verified(token)
        elif ticket:
            identity = await self._admitted(client_id, ticket, session_id, events=events)
        else:
            return self._without_token(client_id)
        if client_id and client_id != identity.subject:
            raise Rejection(Code.FORBIDDEN, "the client id is not the token's own")
        return identity

    def renewed(self, former: Identity, token: str) -> Identity:
        """Return who a fresh token speaks for; FORBIDDEN where that is somebody else.

        Raises also what `client` does.
        """
        fresh = self._verified(token)
        if (fresh.tenant, fresh.subject, fresh.kind) != (
            former.tenant,
            former.subject,
            former.kind,
        ):
            raise Rejection(Code.FORBIDDEN, "the token is for another subject")
        return fresh

    def ticket_for(self, identity: Identity, client_id: str) -> Ticket:
        """Return the ticket that a caller may have; FORBIDDEN where the client id is another's."""
        own = replace(identity, speaks_for_others=False)
        if self.development and not identity.token_id:
            return Ticket(developer_user(client_id), anybody=not client_id)
        if client_id and client_id != identity.subject:
            raise Rejection(Code.FORBIDDEN, "a ticket is for one's own client id")
        return Ticket(own)

    def token_for(self, identity: Identity) -> tuple[str, float]:
        """Return a token of our own for a caller, and when it ends, in Unix seconds.

        The identity ends with it, so that no chain of them goes beyond.
        """
        ends_at = time.time() + OWN_SECONDS
        if identity.expires_at is not None:
            ends_at = min(ends_at, identity.expires_at)
        own = replace(identity, speaks_for_others=False, expires_at=ends_at)
        return self.passes.sign(Ticket(own), Use.TOKEN)

    async def _caller(
        self, metadata: Mapping[str, str], certificate: Callable[[], str]
    ) -> Identity:
        sender = self._sender(metadata.get(AUTHORIZATION), certificate)
        client_id = metadata.get(ACT_AS_CLIENT_ID)
        token = metadata.get(ACT_AS_TOKEN, "")
        ticket = metadata.get(ACT_AS_TICKET, "")
        if client_id is None and not token and not ticket:
            return sender
        if not sender.speaks_for_others:
            raise Rejection(Code.FORBIDDEN, "only a gateway may speak for others")
        return await self.client(client_id or "", token=token, ticket=ticket)

    def _sender(self, authorization: str | None, certificate: Callable[[], str]) -> Identity:
        if authorization is None:
            if (known := self._certificates.identity(certificate)) is not None:
                return self._holding(known)
            if self.development:
                return developer_service()
            raise Rejection(Code.UNAUTHENTICATED)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Rejection(Code.UNAUTHENTICATED, "authorization must be: Bearer <token>")
        return self._verified(token.strip())

    async def _admitted(
        self, client_id: str, shown: str, session_id: str, *, events: bool
    ) -> Identity:
        if not is_pass(shown):
            ticket = await self.tickets.take(shown)
        elif session_id:
            ticket = self._returning(shown, session_id, events=events)
        elif events:
            ticket = self.passes.read(shown, Use.COOKIE)
        else:
            raise Rejection(Code.UNAUTHENTICATED, "a session cookie is for server-sent events only")
        if ticket.anybody:
            return self._without_token(client_id)
        return self._holding(ticket.identity)

    def _returning(self, shown: str, session_id: str, *, events: bool) -> Ticket:
        """Read the pass of a session that comes back: made for it, or its cookie."""
        try:
            return self.passes.read(shown, Use.RETURN, session_id)
        except Rejection:
            if not events:
                raise
            return self.passes.read(shown, Use.COOKIE)

    def _verified(self, token: str) -> Identity:
        if is_pass(token):
            return self._holding(self.passes.read(token, Use.TOKEN).identity)
        identity = self._verifier.verify(token)
        self.revocations.check(identity)
        return identity

    def _holding(self, identity: Identity) -> Identity:
        """Return an identity that was not shown by a token, where it still holds."""
        if identity.expires_at is not None and identity.expires_at <= time.time():
            raise Rejection(Code.TOKEN_EXPIRED)
        self.revocations.check(identity)
        return identity

    def _without_token(self, client_id: str) -> Identity:
        if not self.development:
            raise Rejection(Code.UNAUTHENTICATED)
        return developer_user(client_id)


def _jwks(auth: AuthSettings, clock: Clock) -> Jwks | None:
    if auth.jwks is None:
        return None
    return Jwks(
        reader_of(auth.jwks),
        clock,
        refresh_seconds=auth.jwks_refresh_seconds,
        keep_seconds=auth.jwks_keep_seconds,
    )
