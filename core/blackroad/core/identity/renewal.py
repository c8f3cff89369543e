"""Refreshing a session's token: who may, and what follows."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.expiry import Expiring, Expiry
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.peer import Peers
from blackroad.realtime.v1 import common_pb2


class Renewable(Expiring, Protocol):
    """A session that takes a fresh token."""

    async def reauthorize(self, identity: Identity) -> None:
        """Speak for the fresh identity from now on.

        What it does not cover any more ends, and the client is told of each.
        """
        ...


Renew = Callable[[Renewable, common_pb2.Refresh], Awaitable[common_pb2.Accepted]]


class Renewal:
    """Renews the identities of sessions."""

    def __init__(self, peers: Peers, expiry: Expiry) -> None:
        self._peers = peers
        self._expiry = expiry

    async def renew(self, session: Renewable, request: common_pb2.Refresh) -> common_pb2.Accepted:
        """Take a fresh token for the same tenant, subject and kind; return when it ends.

        Raises `Rejection`, and then nothing has changed: MISSING_FIELD, UNAUTHENTICATED,
        TOKEN_EXPIRED, FORBIDDEN (it is somebody else's), UNAVAILABLE (its key is being read).
        """
        if not request.token:
            raise Rejection(Code.MISSING_FIELD, "token is required")
        identity = self._peers.renewed(session.identity, request.token)
        await session.reauthorize(identity)
        self._expiry.add(session)
        accepted = common_pb2.Accepted()
        if identity.expires_at is not None:
            accepted.expire_time.FromNanoseconds(int(identity.expires_at * 1e9))
        return accepted
