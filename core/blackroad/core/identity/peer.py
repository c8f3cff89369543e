"""Who is at the other end of a call or a browser session, from what it showed."""

from collections.abc import Mapping
from typing import Final

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.development import developer_service, developer_user
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.tokens import Verifier
from blackroad.core.settings import AuthSettings

AUTHORIZATION: Final = "authorization"
ACT_AS_CLIENT_ID: Final = "blackroad-act-as-client-id"
ACT_AS_TOKEN: Final = "blackroad-act-as-token"  # noqa: S105 (a header's name)
ACT_AS_TICKET: Final = "blackroad-act-as-ticket"


class Peers:
    """Knows callers by their tokens, and without any by the rules of development mode."""

    def __init__(self, auth: AuthSettings) -> None:
        self.development = auth.development
        self._verifier = Verifier(auth)

    def caller(self, metadata: Mapping[str, str]) -> Identity:
        """Return who a gRPC call is made for: its sender, or the one that a gateway names.

        Raises `Rejection`: UNAUTHENTICATED, TOKEN_EXPIRED, FORBIDDEN (speaks for others and
        may not), INVALID_NAME.
        """
        sender = self._sender(metadata.get(AUTHORIZATION))
        client_id = metadata.get(ACT_AS_CLIENT_ID)
        token = metadata.get(ACT_AS_TOKEN, "")
        ticket = metadata.get(ACT_AS_TICKET, "")
        if client_id is None and not token and not ticket:
            return sender
        if not sender.speaks_for_others:
            raise Rejection(Code.FORBIDDEN, "only a gateway may speak for others")
        return self.client(client_id or "", token=token, ticket=ticket)

    def client(self, client_id: str, *, token: str = "", ticket: str = "") -> Identity:
        """Return who a browser is, by the client id of its path (empty: none) and what it showed.

        Raises `Rejection`: UNAUTHENTICATED, TOKEN_EXPIRED, FORBIDDEN (the client id is not the
        token's subject), INVALID_NAME, UNIMPLEMENTED (tickets).
        """
        if ticket:
            raise Rejection(Code.UNIMPLEMENTED, "tickets are not implemented in this version")
        if not token:
            return self._without_token(client_id)
        identity = self._verifier.verify(token)
        if client_id and client_id != identity.subject:
            raise Rejection(Code.FORBIDDEN, "the client id is not the token's own")
        return identity

    def _sender(self, authorization: str | None) -> Identity:
        if authorization is None:
            if self.development:
                return developer_service()
            raise Rejection(Code.UNAUTHENTICATED)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Rejection(Code.UNAUTHENTICATED, "authorization must be: Bearer <token>")
        return self._verifier.verify(token.strip())

    def _without_token(self, client_id: str) -> Identity:
        if not self.development:
            raise Rejection(Code.UNAUTHENTICATED)
        return developer_user(client_id)
