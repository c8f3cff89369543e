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


async def refused(peers: Peers, metadata: dict[str, str]) -> Code:
    with pytest.raises(Rejection) as raised:
        await peers.caller(metadata)
    return raised.value.code


async def test_without_keys_a_caller_without_a_token_is_the_developer() -> None:
    assert (await OPEN.caller({})).subject == "developer"
    assert (await OPEN.caller({})).kind is Kind.SERVICE


async def test_with_keys_a_caller_without_a_token_is_nobody() -> None:
    assert await refused(CLOSED, {}) is Code.UNAUTHENTICATED


async def test_a_token_is_obeyed_also_without_keys() -> None:
    identity = await OPEN.caller(bearer(secret=development.SECRET))
    assert identity.subject == "alice"
    assert identity.grants == ()
    assert await refused(OPEN, bearer()) is Code.UNAUTHENTICATED


async def test_with_keys_the_development_secret_is_worth_nothing() -> None:
    assert await refused(CLOSED, bearer(secret=development.SECRET)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "abc"])
async def test_an_authorization_that_is_no_bearer_is_refused(header: str) -> None:
    assert await refused(OPEN, {"authorization": header}) is Code.UNAUTHENTICATED


async def test_a_gateway_speaks_for_the_token_that_it_was_given() -> None:
    metadata = bearer("gateway") | {"blackroad-act-as-token": token()}
    assert (await CLOSED.caller(metadata)).subject == "alice"
    assert (await CLOSED.caller(metadata)).kind is Kind.USER


async def test_a_gateway_has_no_rights_to_lend() -> None:
    """A browser without a token is nobody, though its edge has a token."""
    metadata = bearer("gateway") | {"blackroad-act-as-client-id": "bob"}
    assert await refused(CLOSED, metadata) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("kind", ["user", "agent", "service"])
async def test_nobody_else_speaks_for_others(kind: str) -> None:
    metadata = bearer(kind) | {"blackroad-act-as-token": token()}
    assert await refused(CLOSED, metadata) is Code.FORBIDDEN


async def test_without_keys_a_browser_is_its_client_id() -> None:
    identity = await OPEN.caller({"blackroad-act-as-client-id": "bob"})
    assert (identity.subject, identity.kind) == ("bob", Kind.USER)
    assert (await OPEN.caller({"blackroad-act-as-client-id": ""})).subject == "developer"


async def test_a_client_id_must_be_the_tokens_own() -> None:
    assert (await CLOSED.client("alice", token=token())).subject == "alice"
    assert (await CLOSED.client("", token=token())).subject == "alice"
    with pytest.raises(Rejection) as raised:
        await CLOSED.client("bob", token=token())
    assert raised.value.code is Code.FORBIDDEN
