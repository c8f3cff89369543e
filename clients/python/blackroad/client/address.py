"""Where the core is, as BLACKROAD_URL says it."""

import os
from dataclasses import dataclass
from typing import Final, Self

from blackroad.client.errors import InvalidAddress

DEFAULT_URL: Final = "grpc://127.0.0.1:50051"
_DEFAULT_PORT: Final = 50051
_HINT: Final = "write grpc://host:port, or grpcs://host:port for TLS"


@dataclass(frozen=True, slots=True)
class Address:
    """One or more targets, tried in turn, with or without TLS."""

    targets: tuple[str, ...]
    secure: bool = False

    @classmethod
    def parse(cls, url: str | None = None) -> Self:
        """Read an address: `grpc://` or `grpcs://`, then a comma list of `host[:port]`.

        Without a scheme it is `grpc://`; `dns:///name:port` and `unix:path` pass as they are. None
        means BLACKROAD_URL, and where that is not set the local `up`. Raises InvalidAddress.
        """
        text = (url or os.environ.get("BLACKROAD_URL") or DEFAULT_URL).strip()
        scheme, separator, rest = text.partition("://")
        if not separator or scheme == "dns":
            scheme, rest = "grpc", text
        if scheme in {"http", "https", "ws", "wss"}:
            raise InvalidAddress(f"{text}: the door for browsers is not spoken yet; {_HINT}")
        if scheme not in {"grpc", "grpcs"}:
            raise InvalidAddress(f"{text}: {scheme}:// is not known; {_HINT}")
        targets = tuple(_target(each.strip(), text) for each in rest.rstrip("/").split(","))
        return cls(targets, secure=scheme == "grpcs")


def _target(place: str, url: str) -> str:
    """Return what gRPC dials for one place of the list."""
    if place.startswith(("dns:", "unix:")):
        return place
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, str(_DEFAULT_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or "/" in host:
        raise InvalidAddress(f"{url}: {place!r} is not host:port; {_HINT}")
    return f"{host}:{port}"
