"""The core's settings: what stops a start, and what is development."""

import pytest
from pydantic import ValidationError

from blackroad.core.address import is_loopback
from blackroad.core.settings import CoreSettings

SECRET = "a secret of thirty-two bytes, at least"


def why(**values: object) -> str:
    with pytest.raises(ValidationError) as raised:
        CoreSettings.model_validate(values)
    return str(raised.value)


def test_the_defaults_are_development_on_loopback() -> None:
    settings = CoreSettings()
    assert settings.auth.development
    assert is_loopback(settings.grpc)
    assert settings.log == "memory://"


@pytest.mark.parametrize("address", ["0.0.0.0:50051", "[::]:50051", "10.0.0.1:1", "example.com:1"])
def test_a_public_address_needs_keys(address: str) -> None:
    assert "needs keys" in why(grpc=address)
    with_keys = CoreSettings.model_validate({"grpc": address, "auth": {"secret": SECRET}})
    assert with_keys.grpc == address


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.1.2.3:1", "localhost:1", "[::1]:1"])
def test_loopback_needs_none(address: str) -> None:
    assert CoreSettings.model_validate({"grpc": address}).grpc == address


def test_it_listens_at_an_address() -> None:
    assert "grpc\n" in why(grpc="8080")
    assert "metrics\n" in why(metrics="8080")


@pytest.mark.parametrize(
    "log",
    [
        "redis://h",
        "rediss://user:word@h:1/2?ca=/etc/ca.pem",
        "redis+sentinel://h,i:1/main",
        "redis+cluster://h,i:1",
        "embedded:dir",
    ],
)
def test_an_engine_is_named_by_its_address(log: str) -> None:
    assert CoreSettings(log=log).log == log


@pytest.mark.parametrize(
    "log", ["redis://", "redis+sentinel://h", "redis+cluster://h/1", "redis://h?x=1", "embedded:"]
)
def test_an_address_that_says_too_little_or_too_much_is_refused(log: str) -> None:
    assert why(log=log)


def test_an_engine_that_nobody_knows_is_refused() -> None:
    assert "must be memory://" in why(log="postgres://h")


def test_a_short_secret_is_refused_and_not_shown() -> None:
    said = why(auth={"secret": "short-secret"})
    assert "at least 32" in said
    assert "short-secret" not in said


def test_a_certificate_that_cannot_be_read_is_refused() -> None:
    assert "cannot be read" in why(tls={"cert": "no/such/cert.pem"})


def test_a_namespace_rule_is_for_a_pattern() -> None:
    settings = CoreSettings.model_validate({"namespaces": {"orders.>": {"presence": True}}})
    assert settings.namespaces["orders.>"].presence
    assert "pattern" in why(namespaces={"no spaces": {}})
