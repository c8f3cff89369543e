"""Tokens: JSON Web Tokens, the keys that verify them, and the identity that their claims say."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final

import jwt
import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.development import SECRET, TENANT
from blackroad.core.identity.identity import Action, Grant, Identity, Kind
from blackroad.core.identity.jwks import Jwks
from blackroad.core.identity.keys import PublicKey, read_public_key, read_secret
from blackroad.core.names import MAX_ID_BYTES, check_id, check_pattern, check_tenant
from blackroad.core.settings import AuthSettings

REQUIRED_CLAIMS: Final = ("exp", "sub", "kind", "jti")
PUBLIC_ALGORITHMS: Final = frozenset({"RS256", "ES256", "EdDSA"})
MAX_TOKEN_BYTES: Final = 16 * 1024
MAX_GRANTS: Final = 256
REMEMBERED: Final = 4096
SKEW_SECONDS: Final = 25.0  # by which the clock of who issues tokens may be ahead


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
    iat: float | None = None
    tenant: str = TENANT
    grants: Annotated[list[GrantClaim], msgspec.Meta(max_length=MAX_GRANTS)] = []


class Verifier:
    """Turns tokens into identities. A token is verified once, then remembered."""

    def __init__(self, auth: AuthSettings, jwks: Jwks | None = None) -> None:
        self._auth = auth
        self._static = _static_keys(auth)
        self._jwks = jwks
        self._revision = 0
        self._known: OrderedDict[str, Identity] = OrderedDict()
        self._required = [*REQUIRED_CLAIMS, *self._configured_claims()]

    def verify(self, token: str) -> Identity:
        """Return who the token speaks for.

        Raises UNAUTHENTICATED, TOKEN_EXPIRED, or `KeysComingError` where its key is being read.
        """
        if self._jwks is not None and self._jwks.revision != self._revision:
            self._revision = self._jwks.revision
            self._known.clear()  # their keys may be gone
        identity = self._known.get(token)
        if identity is None:
            identity = self._identity(token)
            self._remember(token, identity)
        if identity.expires_at is not None and identity.expires_at <= time.time():
            raise Rejection(Code.TOKEN_EXPIRED)
        return identity

    def _identity(self, token: str) -> Identity:
        identity = _identity(self._claims(token))
        expires_at, issued_at = identity.expires_at or 0.0, identity.issued_at
        lifetime = expires_at - (time.time() if issued_at is None else issued_at)
        if lifetime > self._auth.max_lifetime_seconds:
            raise _refused("lives longer than this server allows")
        if issued_at is not None:
            return identity
        return replace(identity, issued_at=expires_at - self._auth.max_lifetime_seconds)

    def _claims(self, token: str) -> Mapping[str, object]:
        if len(token) > MAX_TOKEN_BYTES:
            raise _refused("is too long")
        try:
            algorithm, key = self._key(jwt.get_unverified_header(token))
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._auth.audience,
                issuer=self._auth.issuer,
                leeway=SKEW_SECONDS,  # for nbf and iat: `verify` looks at exp itself
                options={"require": self._required, "verify_aud": self._auth.audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise Rejection(Code.TOKEN_EXPIRED) from None
        except jwt.ImmatureSignatureError:
            raise _refused("is not valid yet") from None
        except jwt.MissingRequiredClaimError as missing:
            raise _refused(f"lacks the claim {missing.claim}") from None
        except jwt.InvalidAudienceError:
            raise _refused("is for another audience") from None
        except jwt.InvalidIssuerError:
            raise _refused("is from another issuer") from None
        except jwt.PyJWTError:
            raise _refused("is not valid") from None

    def _key(self, header: Mapping[str, object]) -> tuple[str, bytes | PublicKey]:
        """Return the key for a header, and the one algorithm that this key is for.

        So `none` and confused algorithms find no key.
        """
        algorithm, key_id = header.get("alg"), header.get("kid", "")
        if not isinstance(algorithm, str) or not isinstance(key_id, str):
            raise _refused("has a header that is not valid")
        key: bytes | PublicKey | None = self._static.get(algorithm)
        if self._jwks is not None and algorithm in PUBLIC_ALGORITHMS:
            key = self._from_jwks(self._jwks, key_id, algorithm, key)
        if key is None:
            raise _refused("is signed with a key or algorithm that this server does not know")
        return algorithm, key

    def _from_jwks(
        self, jwks: Jwks, key_id: str, algorithm: str, static: bytes | PublicKey | None
    ) -> bytes | PublicKey | None:
        if static is not None and key_id not in jwks.keys:
            return static
        return jwks.find(key_id, algorithm)

    def _configured_claims(self) -> list[str]:
        claims = (("aud", self._auth.audience), ("iss", self._auth.issuer))
        named = [claim for claim, value in claims if value is not None]
        return [*named, *(each for each in self._auth.require if each not in named)]

    def _remember(self, token: str, identity: Identity) -> None:
        self._known[token] = identity
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def _static_keys(auth: AuthSettings) -> dict[str, bytes | PublicKey]:
    keys: dict[str, bytes | PublicKey] = {}
    if auth.secret is not None:
        keys["HS256"] = read_secret(auth.secret.get_secret_value())
    if auth.public_key is not None:
        algorithm, key = read_public_key(auth.public_key)
        keys[algorithm] = key
    return {"HS256": SECRET.encode()} if auth.development else keys


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
            issued_at=claims.iat,
            speaks_for_others=claims.kind is Kind.GATEWAY,
        )
    except msgspec.ValidationError as error:
        claim = str(error).rpartition("`$.")[2].rstrip("`")
        raise _refused(f"has a claim that is not valid: {claim}") from None
    except Rejection as rejection:
        raise _refused(f"has a name that is not valid: {rejection.message}") from None


def _refused(why: str) -> Rejection:
    return Rejection(Code.UNAUTHENTICATED, f"the token {why}")
