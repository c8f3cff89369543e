"""Keys of a JWKS: which are taken, when they are read again, and how long they hold."""

import base64
import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.jwks import Jwks, KeysComingError, read_key_set, reader_of
from blackroad.core.identity.keys import RefusedKeyError
from blackroad.core.identity.peer import Peers
from blackroad.core.identity.tokens import Verifier
from blackroad.core.settings import AuthSettings
from tests.core.identity.forgery import forge

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def entry(key: Private, kid: str = "", **more: object) -> dict[str, object]:
    match key:
        case rsa.RSAPrivateKey():
            said = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            said = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            said = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**said, **({"kid": kid} if kid else {}), **more}


def key_set(*entries: dict[str, object]) -> bytes:
    return json.dumps({"keys": entries}).encode()


def token(key: Private, algorithm: str, kid: str | None = None) -> str:
    claims = {"sub": "alice", "kind": "user", "jti": "t1", "exp": int(time.time()) + 60}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


class Place:
    """Where the keys are: what it says can be changed, and it can be away."""

    def __init__(self, *entries: dict[str, object]) -> None:
        self.says = key_set(*entries)
        self.away = False
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        if self.away:
            raise OSError("away")
        return self.says


def jwks(place: Place, clock: FakeClock) -> Jwks:
    return Jwks(place.read, clock, refresh_seconds=300, keep_seconds=600)


def code_of(verifier: Verifier, shown: str) -> Code:
    with pytest.raises(Rejection) as raised:
        verifier.verify(shown)
    return raised.value.code


async def test_tokens_of_each_kind_are_verified_with_the_key_that_they_name() -> None:
    place = Place(entry(RSA, "r"), entry(EC, "e"), entry(ED, "d"))
    keys = jwks(place, FakeClock())
    await keys.refresh()
    verifier = Verifier(AuthSettings(jwks="https://keys.example.org"), keys)
    assert verifier.verify(token(RSA, "RS256", "r")).subject == "alice"
    assert verifier.verify(token(EC, "ES256", "e")).subject == "alice"
    assert verifier.verify(token(ED, "EdDSA", "d")).subject == "alice"
    # A key of another id or algorithm is none.
    assert code_of(verifier, token(RSA, "RS256", "e")) is Code.UNAUTHENTICATED
    # Without an id, the only one of its algorithm.
    assert verifier.verify(token(RSA, "RS256")).subject == "alice"


async def test_without_an_id_there_must_be_one_key_of_the_algorithm() -> None:
    other = rsa.generate_private_key(65537, 2048)
    keys = jwks(Place(entry(RSA, "1"), entry(other, "2")), FakeClock())
    await keys.refresh()
    verifier = Verifier(AuthSettings(jwks="https://keys.example.org"), keys)
    assert code_of(verifier, token(RSA, "RS256")) is Code.UNAUTHENTICATED


async def test_a_public_key_of_the_set_is_never_a_secret() -> None:
    """HS256 with what everybody can read, under the key's own id."""
    keys = jwks(Place(entry(RSA, "r")), FakeClock())
    await keys.refresh()
    verifier = Verifier(AuthSettings(jwks="https://keys.example.org"), keys)
    secret = json.dumps(entry(RSA, "r")).encode()
    forged = forge(token(RSA, "RS256", "r"), secret)
    assert code_of(verifier, forged) is Code.UNAUTHENTICATED


async def test_an_unknown_key_is_looked_for_once_and_then_refused() -> None:
    clock, place = FakeClock(), Place(entry(RSA, "old"))
    keys = jwks(place, clock)
    await keys.refresh()
    clock.advance(60)
    with pytest.raises(KeysComingError):
        keys.find("new", "RS256")
    clock.advance(1)
    await keys.refresh()
    assert keys.find("new", "RS256") is None  # it has been looked for since
    place.says = key_set(entry(EC, "new"))
    clock.advance(61)
    with pytest.raises(KeysComingError):
        keys.find("new", "ES256")  # after a minute again
    clock.advance(1)
    await keys.refresh()
    assert keys.find("new", "ES256") is not None


async def test_a_key_that_was_withdrawn_verifies_nothing_more() -> None:
    clock, place = FakeClock(), Place(entry(RSA, "r"))
    keys = jwks(place, clock)
    await keys.refresh()
    verifier = Verifier(AuthSettings(jwks="https://keys.example.org"), keys)
    shown = token(RSA, "RS256", "r")
    verifier.verify(shown)
    place.says = key_set(entry(EC, "e"))
    clock.advance(300)
    await keys.refresh()
    assert code_of(verifier, shown) is Code.UNAVAILABLE  # it may come back: it is looked for
    clock.advance(10)
    await keys.refresh()
    assert code_of(verifier, shown) is Code.UNAUTHENTICATED


async def test_where_reading_fails_the_last_keys_hold_for_a_stated_time() -> None:
    clock, place = FakeClock(), Place(entry(RSA, "r"))
    keys = jwks(place, clock)
    await keys.refresh()
    place.away = True
    clock.advance(899)
    await keys.refresh()
    assert keys.find("r", "RS256") is not None
    clock.advance(2)
    with pytest.raises(KeysComingError):
        keys.find("r", "RS256")


async def test_nonsense_changes_nothing() -> None:
    place = Place(entry(RSA, "r"))
    keys = jwks(place, FakeClock())
    await keys.refresh()
    for says in (b"", b"{}", b'{"keys": 5}', b"[]", key_set()):
        place.says = says
        await keys.refresh()
        assert keys.find("r", "RS256") is not None


async def test_a_flood_of_unknown_keys_is_one_reading_in_ten_seconds() -> None:
    place = Place(entry(RSA, "r"))
    auth = AuthSettings(jwks="http://127.0.0.1/keys")
    peers = Peers(auth)
    keys = Jwks(place.read, FakeClock(), refresh_seconds=300, keep_seconds=600, least_seconds=60)
    await keys.refresh()
    for number in range(5000):
        with pytest.raises(KeysComingError):
            keys.find(f"k{number}", "RS256")
    assert place.reads == 1
    assert len(keys.asked) <= 1024
    assert peers.development is False


def weak() -> dict[str, object]:
    return entry(rsa.generate_private_key(65537, 1024), "weak")  # noqa: S505 (that is the point)


@pytest.mark.parametrize(
    "refused",
    [
        weak(),
        entry(ec.generate_private_key(ec.SECP384R1()), "p384"),
        entry(RSA, "enc", use="enc"),
        entry(RSA, "rs512", alg="RS512"),
        {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 40).decode(), "kid": "secret"},
        {"kty": "RSA", "n": "AQAB", "kid": "half"},
        {"kty": "none", "kid": "none"},
        {"kid": "empty"},
        RSAAlgorithm.to_jwk(RSA, as_dict=True) | {"kid": "private"},
    ],
    ids=lambda value: str(value["kid"]),
)
def test_keys_that_are_weak_secret_or_for_something_else_are_left_out(
    refused: dict[str, object],
) -> None:
    assert set(read_key_set(key_set(refused, entry(ED, "good")))) == {"good"}
    with pytest.raises(RefusedKeyError):
        read_key_set(key_set(refused))


@pytest.mark.parametrize("place", ["http://keys.example.org/", "ftp://127.0.0.1/", "data://x"])
def test_keys_are_not_read_from_where_anybody_could_put_others(place: str) -> None:
    with pytest.raises(ValueError, match="https"):
        reader_of(place)


async def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(entry(EC, "e")))
    assert set(read_key_set(await reader_of(str(file))())) == {"e"}
