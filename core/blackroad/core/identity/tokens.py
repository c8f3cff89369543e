"""Tokens: JSON Web Tokens verified with static keys, and the identity that their claims say."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, Final

import jwt
import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.development import SECRET, TENANT
from blackroad.core.identity.identity import Action, Grant, Identity, Kind
from blackroad.core.identity.keys import PublicKey, read_public_key, read_secret
from blackroad.core.names import MAX_ID_BYTES, check_id, check_pattern, check_tenant
from blackroad.core.settings import AuthSettings

REQUIRED_CLAIMS: Final = ("exp", "sub", "kind", "jti")
MAX_TOKEN_BYTES: Final = 16 * 1024
MAX_GRANTS: Final = 256
REMEMBERED: Final = 4096


class GrantClaim(msgspec.Struct):
    """A grant as a token spells it."""

    pattern: str
    actions: list[Action]


class Claims(msgspec.Struct):
    """What is read of a token's payload."""

    sub: str
    kind: Kind
    exp: float
    jti: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_BYTES)]
    tenant: str = TENANT
    grants: Annotated[list[GrantClaim], msgspec.Meta(max_length=MAX_GRANTS)] = []


class Verifier:
    """Turns tokens into identities. A token is verified once, then remembered."""

    def __init__(self, auth: AuthSettings) -> None:
        self._auth = auth
        self._keys = _keys(auth)
        self._known: OrderedDict[str, Identity] = OrderedDict()

    def verify(self, token: str) -> Identity:
        """Return who the token speaks for; raise UNAUTHENTICATED or TOKEN_EXPIRED."""
        identity = self._known.get(token)
        if identity is None:
            identity = _identity(self._claims(token))
            self._remember(token, identity)
        if identity.expires_at is not None and identity.expires_at <= time.time():
            raise Rejection(Code.TOKEN_EXPIRED)
        return identity

    def _claims(self, token: str) -> Mapping[str, object]:
        if len(token) > MAX_TOKEN_BYTES:
            raise _refused("is too long")
        try:
            # A key has one algorithm: `none` and confused algorithms find no key here.
            algorithm = jwt.get_unverified_header(token).get("alg")
            key = self._keys.get(algorithm) if isinstance(algorithm, str) else None
            if key is None or not isinstance(algorithm, str):
                raise _refused("is signed with an algorithm that this server has no key for")
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._auth.audience,
                issuer=self._auth.issuer,
                options={
                    "require": [*REQUIRED_CLAIMS, *self._configured_claims()],
                    "verify_aud": self._auth.audience is not None,
                },
            )
        except jwt.ExpiredSignatureError:
            raise Rejection(Code.TOKEN_EXPIRED) from None
        except jwt.MissingRequiredClaimError as missing:
            raise _refused(f"lacks the claim {missing.claim}") from None
        except jwt.InvalidAudienceError:
            raise _refused("is for another audience") from None
        except jwt.InvalidIssuerError:
            raise _refused("is from another issuer") from None
        except jwt.PyJWTError:
            raise _refused("is not valid") from None

    def _configured_claims(self) -> list[str]:
        return [
            claim
            for claim, value in (("aud", self._auth.audience), ("iss", self._auth.issuer))
            if value is not None
        ]

    def _remember(self, token: str, identity: Identity) -> None:
        self._known[token] = identity
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _keys(auth: AuthSettings) -> dict[str, bytes | PublicKey]:
    keys: dict[str, bytes | PublicKey] = {}
    if auth.secret is not None:
        keys["HS256"] = read_secret(auth.secret.get_secret_value())
    if auth.public_key is not None:
        algorithm, key = read_public_key(auth.public_key)
        keys[algorithm] = key
    return keys or {"HS256": SECRET.encode()}


def _identity(payload: Mapping[str, object]) -> Identity:
    try:
        claims = msgspec.convert(payload, Claims)
        return Identity(
            tenant=check_tenant(claims.tenant),
            subject=check_id(claims.sub),
            kind=claims.kind,
            grants=tuple(
                Grant(check_pattern(entry.pattern), frozenset(entry.actions))
                for entry in claims.grants
            ),
            expires_at=claims.exp,
            token_id=claims.jti,
            speaks_for_others=claims.kind is Kind.GATEWAY,
        )
    except msgspec.ValidationError as error:
        claim = str(error).rpartition("`$.")[2].rstrip("`")
        raise _refused(f"has a claim that is not valid: {claim}") from None
    except Rejection as rejection:
        raise _refused(f"has a name that is not valid: {rejection.message}") from None


def _refused(why: str) -> Rejection:
    return Rejection(Code.UNAUTHENTICATED, f"the token {why}")
