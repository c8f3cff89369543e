"""The edge's own settings."""

import pytest

from blackroad.edge.settings import Address, EdgeLimits, EdgeSettings


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("localhost:0", "localhost", 0, True),
        ("[::1]:1", "::1", 1, True),
        ("10.0.0.1:80", "10.0.0.1", 80, False),
        (":80", "0.0.0.0", 80, False),  # noqa: S104 - it is what `:port` means
    ],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int, loopback: bool) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, address.loopback) == (host, port, loopback)


@pytest.mark.parametrize("text", ["", "8080", "host:", "host:x", "host:99999"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"http|port"):
        EdgeSettings.model_validate({"http": text})


def test_cores_are_a_comma_list() -> None:
    settings = EdgeSettings.model_validate({"core": "a:1, b:2,dns:///c:3"})
    assert settings.core == ("a:1", "b:2", "dns:///c:3")


@pytest.mark.parametrize("name", ["ping_interval", "pong_timeout", "sse_comment"])
def test_what_is_counted_in_whole_seconds_is_one_at_least(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}_seconds"):
        EdgeLimits.model_validate({f"{name}_seconds": 0.4})
