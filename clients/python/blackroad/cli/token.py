"""Makes tokens with the configured secret, for people, scripts and the parts of `up`."""

import time
from dataclasses import dataclass
from typing import Final

import jwt
import uuid_utils

from blackroad.core.identity import development
from blackroad.core.identity.identity import Grant, Kind
from blackroad.core.settings import AuthSettings

ALGORITHM: Final = "HS256"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says."""

    subject: str
    kind: Kind
    grants: tuple[Grant, ...]
    tenant: str = development.TENANT


def make_token(claims: Claims, auth: AuthSettings, lifetime_seconds: float) -> str:
    """Return a token that a core with the same settings takes until its lifetime has passed.

    Without keys it is signed with the development secret, which only a core without keys takes.
    """
    secret = auth.secret.get_secret_value() if auth.secret else development.SECRET
    now = time.time()
    payload: dict[str, object] = {
        "sub": claims.subject,
        "kind": claims.kind.value,
        "tenant": claims.tenant,
        "jti": str(uuid_utils.uuid7()),
        "iat": int(now),
        "exp": int(now + lifetime_seconds),
        "grants": [
            {"pattern": grant.pattern, "actions": sorted(action.value for action in grant.actions)}
            for grant in claims.grants
        ],
    }
    payload |= {"aud": auth.audience} if auth.audience is not None else {}
    payload |= {"iss": auth.issuer} if auth.issuer is not None else {}
    return jwt.encode(payload, secret, algorithm=ALGORITHM)
