"""Passes: what the core signs for itself, to know somebody again whom it has let in before.

A session cookie is one, so is what an edge shows for a session that came with a ticket, and so is
the token of a page that came with one. Any core with the same keys reads it; nobody else can make
one.
"""

import hmac
import secrets
import time
from enum import StrEnum
from typing import Final

import jwt
import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.development import SECRET
from blackroad.core.identity.identity import Action, Grant, Identity, Kind
from blackroad.core.identity.tickets import Ticket
from blackroad.core.settings import AuthSettings

PREFIX: Final = "pass_"
ALGORITHM: Final = "HS256"
MAX_BYTES: Final = 3800
"""What a cookie may have in every browser."""
OWN_SECONDS: Final = 12 * 3600.0
"""How long one holds whose identity does not end by itself."""


class Use(StrEnum):
    """What a pass is good for."""

    COOKIE = "cookie"  # server-sent events
    TOKEN = "token"  # noqa: S105 - a use: whatever a token is good for
    RETURN = "return"  # one session, by its id


class _Claims(msgspec.Struct, omit_defaults=True):
    """What a pass says."""

    use: Use
    tenant: str
    sub: str
    kind: Kind
    exp: float
    grants: list[tuple[str, list[Action]]] = []
    token_id: str = ""
    issued_at: float | None = None
    expires_at: float | None = None
    session: str = ""
    anybody: bool = False


class Passes:
    """Signs and reads passes with a key that is nobody else's.

    It comes from `auth.session_secret` or `auth.secret`, so that all cores with the same settings
    agree; else it is this process's own.
    """

    def __init__(self, auth: AuthSettings) -> None:
        self._key = hmac.digest(_secret(auth), b"blackroad: passes", "sha256")
        self._longest_seconds = auth.max_lifetime_seconds

    def sign(self, ticket: Ticket, use: Use, session_id: str = "") -> tuple[str, float]:
        """Return a pass and when it ends, in Unix seconds: with the identity, or in its own time.

        TOO_LARGE where the identity has more grants than a cookie can say.
        """
        identity = ticket.identity
        own = self._longest_seconds if use is Use.RETURN else OWN_SECONDS
        ends_at = time.time() + own if identity.expires_at is None else identity.expires_at
        claims = _Claims(
            use=use,
            tenant=identity.tenant,
            sub=identity.subject,
            kind=identity.kind,
            exp=ends_at,
            grants=[(grant.pattern, sorted(grant.actions)) for grant in identity.grants],
            token_id=identity.token_id,
            issued_at=identity.issued_at,
            expires_at=identity.expires_at,
            session=session_id,
            anybody=ticket.anybody,
        )
        payload: dict[str, object] = msgspec.to_builtins(claims)
        text = PREFIX + jwt.encode(payload, self._key, algorithm=ALGORITHM)
        if use is Use.COOKIE and len(text) > MAX_BYTES:
            raise Rejection(Code.TOO_LARGE, "the token has more grants than a cookie can hold")
        return text, ends_at

    def read(self, text: str, use: Use, session_id: str = "") -> Ticket:
        """Return who a pass speaks for; UNAUTHENTICATED where it is not ours, or for other use."""
        try:
            payload: dict[str, object] = jwt.decode(
                text.removeprefix(PREFIX), self._key, algorithms=[ALGORITHM]
            )
            claims = msgspec.convert(payload, _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError):
            raise _refused() from None
        if claims.use is not use or claims.session != session_id:
            raise _refused()
        identity = Identity(
            claims.tenant,
            claims.sub,
            claims.kind,
            tuple(Grant(pattern, frozenset(actions)) for pattern, actions in claims.grants),
            expires_at=claims.expires_at,
            token_id=claims.token_id,
            issued_at=claims.issued_at,
        )
        return Ticket(identity, claims.anybody)


def _secret(auth: AuthSettings) -> bytes:
    if auth.development:
        return SECRET.encode()  # a restart of a core is to be no reason to sign in again
    given = auth.session_secret or auth.secret
    return given.get_secret_value().encode() if given else secrets.token_bytes(32)


def is_pass(text: str) -> bool:
    """Tell a pass from a ticket."""
    return text.startswith(PREFIX)


def _refused() -> Rejection:
    return Rejection(Code.UNAUTHENTICATED, "the session has ended: sign in again")
