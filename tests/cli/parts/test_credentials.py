"""The tokens that `up` makes for its children."""

import pytest
from pydantic import SecretStr

from blackroad.cli.parts.credentials import token_for
from blackroad.cli.settings.problems import SettingsError
from blackroad.core.identity.authorize import allows
from blackroad.core.identity.identity import Action, Kind
from blackroad.core.identity.tokens import Verifier
from blackroad.core.settings import AuthSettings

KEYS = AuthSettings(secret=SecretStr("s" * 32), audience="blackroad", issuer="up")


def test_in_development_none_is_needed() -> None:
    assert token_for("edge", AuthSettings()) is None


def test_the_edge_is_a_gateway_and_the_agents_may_serve() -> None:
    tokens = {part: token_for(part, KEYS) for part in ("core", "edge", "agents")}
    assert tokens["core"] is None
    assert tokens["edge"] is not None
    assert tokens["agents"] is not None
    assert Verifier(KEYS).verify(tokens["edge"]).kind is Kind.GATEWAY
    assert allows(Verifier(KEYS).verify(tokens["agents"]), Action.SERVE, "agent.ECHO")


def test_each_start_has_tokens_of_its_own() -> None:
    assert token_for("edge", KEYS) != token_for("edge", KEYS)


def test_a_public_key_alone_makes_no_tokens() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = Ed25519PrivateKey.generate().public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(SettingsError, match="one by one"):
        token_for("edge", AuthSettings(public_key=pem))
