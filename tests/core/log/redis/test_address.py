"""Addresses of servers: what they say, and that their passwords are not shown."""

import pytest

from blackroad.core.log.redis.address import Kind, Tls, read_address


def test_one_server() -> None:
    address = read_address("redis://ada:p%40ss@cache:7000/3")
    assert (address.kind, address.hosts, address.db) == (Kind.SINGLE, (("cache", 7000),), 3)
    assert (address.user, address.password.get_secret_value()) == ("ada", "p@ss")
    assert address.tls is None
    assert read_address("redis://cache").hosts == (("cache", 6379),)
    assert read_address("redis://[::1]:7000").hosts == (("::1", 7000),)
    assert read_address("redis://[::1]").hosts == (("::1", 6379),)


def test_tls_is_asked_for_by_the_scheme_or_an_option() -> None:
    assert read_address("rediss://h").tls == Tls()
    assert read_address("redis+cluster://h?tls=true&ca=/ca.pem").tls == Tls("/ca.pem")
    with pytest.raises(ValueError, match="no TLS"):
        read_address("redis://h?ca=/ca.pem")


def test_sentinels_name_a_service() -> None:
    address = read_address("redis+sentinel://:word@a,b:1/main/2?sentinel_password=other")
    assert address.kind is Kind.SENTINEL
    assert address.hosts == (("a", 26379), ("b", 1))
    assert (address.service, address.db) == ("main", 2)
    assert address.sentinel_password.get_secret_value() == "other"


def test_a_password_is_never_shown() -> None:
    address = read_address("redis://ada:hunter2@h")
    assert "hunter2" not in f"{address} {address!r}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://",
        "redis:h",
        "http://h",
        "redis://h:0",
        "redis://h:x",
        "redis://h/x",
        "redis://h?nonsense=1",
        "redis+sentinel://h",
        "redis+cluster://h/1",
        "redis://h#part",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be|has|needs|knows|Port"):
        read_address(url)
