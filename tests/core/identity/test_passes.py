"""Passes: only ours, only for their use, and no tokens."""

import time
from dataclasses import replace

import jwt
import pytest
from pydantic import SecretStr

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import ALL_ACTIONS, Identity, Kind, grant
from blackroad.core.identity.passes import MAX_BYTES, PREFIX, Passes, Use
from blackroad.core.identity.tickets import Ticket
from blackroad.core.identity.tokens import Verifier
from blackroad.core.settings import AuthSettings

SECRET = "a secret of thirty-two bytes, at least"
AUTH = AuthSettings(secret=SecretStr(SECRET))
ANN = Identity(
    "acme",
    "ann",
    Kind.USER,
    (grant("task.>", ALL_ACTIONS),),
    expires_at=time.time() + 3600,  # the tests of other files may run before
    token_id="t1",
    issued_at=1.0,
)


def refusal(passes: Passes, text: str, use: Use, session_id: str = "") -> Code:
    with pytest.raises(Rejection) as raised:
        passes.read(text, use, session_id)
    return raised.value.code


def test_a_pass_says_again_all_that_was_known() -> None:
    text, ends_at = Passes(AUTH).sign(Ticket(ANN), Use.COOKIE)
    assert ends_at == ANN.expires_at
    assert Passes(AUTH).read(text, Use.COOKIE) == Ticket(ANN), "another core reads it"


def test_a_pass_is_for_one_use_and_one_session() -> None:
    passes = Passes(AUTH)
    cookie, _ = passes.sign(Ticket(ANN), Use.COOKIE)
    returning, _ = passes.sign(Ticket(ANN), Use.RETURN, "se_1")
    assert refusal(passes, cookie, Use.RETURN, "se_1") is Code.UNAUTHENTICATED
    assert refusal(passes, returning, Use.COOKIE) is Code.UNAUTHENTICATED
    assert refusal(passes, returning, Use.RETURN, "se_2") is Code.UNAUTHENTICATED
    assert passes.read(returning, Use.RETURN, "se_1") == Ticket(ANN)


def test_a_pass_of_other_keys_or_none_is_refused() -> None:
    cookie, _ = Passes(AuthSettings(secret=SecretStr("x" * 40))).sign(Ticket(ANN), Use.COOKIE)
    for text in (cookie, PREFIX, "", "pass_a.b.c"):
        assert refusal(Passes(AUTH), text, Use.COOKIE) is Code.UNAUTHENTICATED


def test_a_token_is_no_pass_and_a_pass_no_token() -> None:
    claims = {"sub": "ann", "kind": "user", "jti": "t", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    assert refusal(Passes(AUTH), PREFIX + token, Use.COOKIE) is Code.UNAUTHENTICATED
    cookie, _ = Passes(AUTH).sign(Ticket(ANN), Use.COOKIE)
    with pytest.raises(Rejection):
        Verifier(AUTH).verify(cookie.removeprefix(PREFIX))


def test_a_pass_ends_with_its_token() -> None:
    old = replace(ANN, expires_at=time.time() - 1)
    cookie, _ = Passes(AUTH).sign(Ticket(old), Use.COOKIE)
    assert refusal(Passes(AUTH), cookie, Use.COOKIE) is Code.UNAUTHENTICATED


def test_what_no_browser_would_keep_is_not_made() -> None:
    many = replace(ANN, grants=tuple(grant(f"task.{n}.>", ALL_ACTIONS) for n in range(100)))
    with pytest.raises(Rejection) as raised:
        Passes(AUTH).sign(Ticket(many), Use.COOKIE)
    assert raised.value.code is Code.TOO_LARGE
    assert len(Passes(AUTH).sign(Ticket(many), Use.RETURN, "se_1")[0]) > MAX_BYTES


def test_with_public_keys_only_each_core_has_its_own_unless_a_secret_is_given() -> None:
    auth = AuthSettings(jwks="https://keys.example.org")
    cookie, _ = Passes(auth).sign(Ticket(ANN), Use.COOKIE)
    assert refusal(Passes(auth), cookie, Use.COOKIE) is Code.UNAUTHENTICATED
    shared = AuthSettings(jwks="https://keys.example.org", session_secret=SecretStr(SECRET))
    cookie, _ = Passes(shared).sign(Ticket(ANN), Use.COOKIE)
    assert Passes(shared).read(cookie, Use.COOKIE) == Ticket(ANN)
