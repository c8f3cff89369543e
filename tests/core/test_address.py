"""Addresses: what is one, and which are this machine's only."""

import pytest
from pydantic import TypeAdapter, ValidationError

from blackroad.core.address import Address, is_loopback, split_address


def test_a_name_that_looks_like_loopback_is_public() -> None:
    assert not is_loopback("127.0.0.1.example.com:1")


@pytest.mark.parametrize(
    "address", ["", "8080", ":1", "host", "host:port", "host:65536", "host:-1"]
)
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(ValidationError, match="host:port"):
        TypeAdapter(Address).validate_python(address)


def test_an_address_is_split_at_its_last_colon() -> None:
    assert split_address("[::1]:80") == ("[::1]", 80)


def test_a_socket_of_this_machine_is_loopback() -> None:
    address = "unix:/run/core.sock"
    assert TypeAdapter(Address).validate_python(address) == address
    assert is_loopback(address)
