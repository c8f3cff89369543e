"""Tokens: what is taken, what is refused, and in which words."""

import time
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Action, Kind
from blackroad.core.identity.tokens import Verifier
from blackroad.core.settings import AuthSettings
from tests.core.identity.forgery import forge

SECRET = "a secret of thirty-two bytes, at least"
WRAPPED = SecretStr(SECRET)
AUTH = AuthSettings(secret=WRAPPED)

KeyOfAnyKind = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def claims(**changes: object) -> dict[str, object]:
    """Return good claims with changes; a change to None leaves the claim out."""
    good: dict[str, object] = {
        "sub": "alice",
        "kind": "user",
        "jti": "t1",
        "exp": int(time.time()) + 60,
        "grants": [{"pattern": "task.>", "actions": ["subscribe", "publish"]}],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(payload: dict[str, object], key: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, key, algorithm=algorithm)


def refusal(token: str, auth: AuthSettings = AUTH) -> Rejection:
    with pytest.raises(Rejection) as raised:
        Verifier(auth).verify(token)
    return raised.value


def pem(key: KeyOfAnyKind) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_good_token_says_who_and_what() -> None:
    identity = Verifier(AUTH).verify(signed(claims(tenant="acme")))
    assert (identity.tenant, identity.subject, identity.kind) == ("acme", "alice", Kind.USER)
    assert identity.token_id == "t1"
    assert identity.grants[0].actions == {Action.SUBSCRIBE, Action.PUBLISH}
    assert not identity.speaks_for_others


def test_only_a_gateway_speaks_for_others() -> None:
    assert Verifier(AUTH).verify(signed(claims(kind="gateway"))).speaks_for_others


def test_the_tenant_is_default_where_the_token_names_none() -> None:
    assert Verifier(AUTH).verify(signed(claims())).tenant == "default"


@pytest.mark.parametrize("claim", ["exp", "sub", "kind", "jti"])
def test_a_token_without_a_required_claim_is_refused(claim: str) -> None:
    refused = refusal(signed(claims(**{claim: None})))
    assert refused.code is Code.UNAUTHENTICATED
    assert claim in refused.message


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "root"},
        {"tenant": "a.b"},
        {"tenant": 5},
        {"sub": "new\nline"},
        {"jti": ""},
        {"jti": "x" * 129},
        {"grants": "all"},
        {"grants": [{"pattern": "task.>"}]},
        {"grants": [{"pattern": "task.>", "actions": ["rule"]}]},
        {"grants": [{"pattern": "no spaces", "actions": ["publish"]}]},
        {"grants": [{"pattern": "a", "actions": ["publish"]}] * 257},
    ],
)
def test_a_token_with_a_bad_claim_is_refused(change: dict[str, object]) -> None:
    assert refusal(signed(claims(**change))).code is Code.UNAUTHENTICATED


def test_an_expired_token_has_a_code_of_its_own() -> None:
    assert refusal(signed(claims(exp=int(time.time()) - 1))).code is Code.TOKEN_EXPIRED


def test_a_token_that_was_taken_once_still_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, token = Verifier(AUTH), signed(claims())
    verifier.verify(token)
    later = datetime.now(UTC).timestamp() + 120
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Rejection) as raised:
        verifier.verify(token)
    assert raised.value.code is Code.TOKEN_EXPIRED


def test_none_is_no_algorithm() -> None:
    unsigned = jwt.encode(claims(), "", algorithm="none")
    assert refusal(unsigned).code is Code.UNAUTHENTICATED


def test_a_public_key_is_never_a_secret() -> None:
    """The classic confusion: HS256 with the text of the server's public key as its secret."""
    key = rsa.generate_private_key(65537, 2048)
    public = pem(key)
    forged = forge(jwt.encode(claims(), key, algorithm="RS256"), public.encode())
    for auth in (AuthSettings(public_key=public), AuthSettings(public_key=public, secret=WRAPPED)):
        assert refusal(forged, auth).code is Code.UNAUTHENTICATED


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_key_has_one_algorithm(algorithm: str) -> None:
    assert refusal(jwt.encode(claims(), SECRET * 2, algorithm=algorithm)).code is (
        Code.UNAUTHENTICATED
    )


def test_a_token_is_not_taken_before_its_time_but_clocks_may_differ() -> None:
    now = int(time.time())
    for claim in ("nbf", "iat"):
        assert Verifier(AUTH).verify(signed(claims(**{claim: now + 10}))).subject == "alice"
        refused = refusal(signed(claims(**{claim: now + 60}, exp=now + 600)))
        assert (refused.code, refused.message) == (
            Code.UNAUTHENTICATED,
            "the token is not valid yet",
        )


def test_claims_are_required_as_configured() -> None:
    auth = AuthSettings(secret=WRAPPED, require=("nbf", "iat"))
    assert "nbf" in refusal(signed(claims(iat=int(time.time()))), auth).message
    good = signed(claims(iat=int(time.time()), nbf=int(time.time())))
    assert Verifier(auth).verify(good).subject == "alice"


def test_a_token_lives_no_longer_than_configured() -> None:
    now = int(time.time())
    auth = AuthSettings(secret=WRAPPED, max_lifetime_seconds=3600)
    for issued in ({}, {"iat": now}, {"iat": now - 3000}):
        longest = now + 3590 if "iat" not in issued else issued["iat"] + 3600
        assert Verifier(auth).verify(signed(claims(exp=longest, **issued))).subject == "alice"
        refused = refusal(signed(claims(exp=longest + 60, **issued)), auth)
        assert "lives longer" in refused.message


def test_a_token_that_does_not_say_when_it_was_issued_counts_as_old() -> None:
    auth = AuthSettings(secret=WRAPPED, max_lifetime_seconds=3600)
    identity = Verifier(auth).verify(signed(claims(exp=int(time.time()) + 60)))
    assert identity.issued_at is not None
    assert identity.issued_at < time.time() - 3500


def test_another_secret_is_refused() -> None:
    assert refusal(signed(claims(), "another secret of thirty-two bytes")).message == (
        "the token is not valid"
    )


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é.é.é", "x" * 20_000])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert refusal(token).code is Code.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
def test_public_keys_of_each_kind_verify(key: KeyOfAnyKind, algorithm: str) -> None:
    auth = AuthSettings(public_key=pem(key))
    token = jwt.encode(claims(), key, algorithm=algorithm)
    assert Verifier(auth).verify(token).subject == "alice"
    assert refusal(signed(claims()), auth).code is Code.UNAUTHENTICATED


def test_audience_and_issuer_are_required_where_configured() -> None:
    auth = AuthSettings(secret=SecretStr(SECRET), audience="blackroad", issuer="me")
    assert "aud" in refusal(signed(claims(iss="me")), auth).message
    assert "audience" in refusal(signed(claims(iss="me", aud="other")), auth).message
    assert "issuer" in refusal(signed(claims(iss="you", aud="blackroad")), auth).message
    good = signed(claims(iss="me", aud=["blackroad", "other"]))
    assert Verifier(auth).verify(good).subject == "alice"


def test_an_audience_that_nobody_asked_for_is_no_fault() -> None:
    assert Verifier(AUTH).verify(signed(claims(aud="somebody"))).subject == "alice"
