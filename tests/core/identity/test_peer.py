"""Who is at the other end, with keys and without."""

import time

import jwt
import pytest
from pydantic import SecretStr

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity import development
from blackroad.core.identity.identity import Kind
from blackroad.core.identity.peer import Peers
from blackroad.core.settings import AuthSettings

SECRET = "a secret of thirty-two bytes, at least"
OPEN = Peers(AuthSettings())
CLOSED = Peers(AuthSettings(secret=SecretStr(SECRET)))


def token(kind: str = "user", secret: str = SECRET) -> str:
    payload = {"sub": "alice", "kind": kind, "jti": "1", "exp": int(time.time()) + 60}
    return jwt.encode(payload, secret, algorithm="HS256")


def bearer(kind: str = "user", secret: str = SECRET) -> dict[str, str]:
    return {"authorization": f"Bearer {token(kind, secret)}"}


def refused(peers: Peers, metadata: dict[str, str]) -> Code:
    with pytest.raises(Rejection) as raised:
        peers.caller(metadata)
    return raised.value.code


def test_without_keys_a_caller_without_a_token_is_the_developer() -> None:
    assert OPEN.caller({}).subject == "developer"
    assert OPEN.caller({}).kind is Kind.SERVICE


def test_with_keys_a_caller_without_a_token_is_nobody() -> None:
    assert refused(CLOSED, {}) is Code.UNAUTHENTICATED


def test_a_token_is_obeyed_also_without_keys() -> None:
    identity = OPEN.caller(bearer(secret=development.SECRET))
    assert identity.subject == "alice"
    assert identity.grants == ()
    assert refused(OPEN, bearer()) is Code.UNAUTHENTICATED


def test_with_keys_the_development_secret_is_worth_nothing() -> None:
    assert refused(CLOSED, bearer(secret=development.SECRET)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_an_authorization_that_is_no_bearer_is_refused(header: str) -> None:
    assert refused(OPEN, {"authorization": header}) is Code.UNAUTHENTICATED


def test_a_gateway_speaks_for_the_token_that_it_was_given() -> None:
    metadata = bearer("gateway") | {"blackroad-act-as-token": token()}
    assert CLOSED.caller(metadata).subject == "alice"
    assert CLOSED.caller(metadata).kind is Kind.USER


def test_a_gateway_has_no_rights_to_lend() -> None:
    """A browser without a token is nobody, though its edge has a token."""
    metadata = bearer("gateway") | {"blackroad-act-as-client-id": "bob"}
    assert refused(CLOSED, metadata) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("kind", ["user", "agent", "service"])
def test_nobody_else_speaks_for_others(kind: str) -> None:
    metadata = bearer(kind) | {"blackroad-act-as-token": token()}
    assert refused(CLOSED, metadata) is Code.FORBIDDEN


def test_without_keys_a_browser_is_its_client_id() -> None:
    identity = OPEN.caller({"blackroad-act-as-client-id": "bob"})
    assert (identity.subject, identity.kind) == ("bob", Kind.USER)
    assert OPEN.caller({"blackroad-act-as-client-id": ""}).subject == "developer"


def test_a_client_id_must_be_the_tokens_own() -> None:
    assert CLOSED.client("alice", token=token()).subject == "alice"
    assert CLOSED.client("", token=token()).subject == "alice"
    with pytest.raises(Rejection) as raised:
        CLOSED.client("bob", token=token())
    assert raised.value.code is Code.FORBIDDEN


def test_tickets_do_not_pretend() -> None:
    assert refused(OPEN, {"blackroad-act-as-ticket": "t"}) is Code.UNIMPLEMENTED
