"""What BLACKROAD_URL may say."""

import pytest

from blackroad.client import Address, InvalidAddress


@pytest.mark.parametrize(
    ("url", "targets", "secure"),
    [
        ("grpc://127.0.0.1:50051", ("127.0.0.1:50051",), False),
        ("grpcs://core.example:443", ("core.example:443",), True),
        ("core.example", ("core.example:50051",), False),
        ("127.0.0.1:7", ("127.0.0.1:7",), False),
        ("grpc://[::1]", ("[::1]:50051",), False),
        ("grpc://[::1]:7/", ("[::1]:7",), False),
        ("a:1, b:2", ("a:1", "b:2"), False),
        ("dns:///core.example:50051", ("dns:///core.example:50051",), False),
        ("grpcs://dns:///core.example:50051", ("dns:///core.example:50051",), True),
        ("unix:/run/core.sock", ("unix:/run/core.sock",), False),
    ],
)
def test_an_address_says_targets_and_tls(url: str, targets: tuple[str, ...], secure: bool) -> None:
    assert Address.parse(url) == Address(targets, secure)


@pytest.mark.parametrize(
    ("url", "targets", "secure"),
    [
        ("http://127.0.0.1:8080", ("127.0.0.1:8080",), False),
        ("https://edge.example/", ("edge.example:443",), True),
        ("ws://edge.example", ("edge.example:80",), False),
        ("wss://a:1, b:2", ("a:1", "b:2"), True),
    ],
)
def test_the_door_for_browsers_is_an_address_too(
    url: str, targets: tuple[str, ...], secure: bool
) -> None:
    assert Address.parse(url) == Address(targets, secure, edge=True)


@pytest.mark.parametrize(
    "url",
    ["redis://x", "x:0", "x:70000", "x:y", ":1", "https://x/api", "http://dns:///x", "http://x:y"],
)
def test_an_address_that_cannot_be_used_says_what_to_write(url: str) -> None:
    with pytest.raises(InvalidAddress, match="grpc://host:port") as raised:
        Address.parse(url)
    assert raised.value.code == "invalid_address"
    assert url in str(raised.value)


def test_the_environment_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLACKROAD_URL", "grpc://core.example:9")
    assert Address.parse() == Address(("core.example:9",))
    monkeypatch.delenv("BLACKROAD_URL")
    assert Address.parse() == Address(("127.0.0.1:50051",))
