"""Where the core is, as BLACKROAD_URL says it."""

import os
from dataclasses import dataclass
from typing import Final, Self

from blackroad.client.errors import InvalidAddress

DEFAULT_URL: Final = "grpc://127.0.0.1:50051"
_HINT: Final = "write grpc://host:port, or grpcs://host:port for TLS; http(s):// for an edge"
# The port that a scheme means, and whether it is TLS.
_CORE: Final = {"grpc": (50051, False), "grpcs": (50051, True)}
_EDGE: Final = {"http": (80, False), "https": (443, True), "ws": (80, False), "wss": (443, True)}


@dataclass(frozen=True, slots=True)
class Address:
    """One or more targets, tried in turn, with or without TLS; of cores, or of edges."""

    targets: tuple[str, ...]
    secure: bool = False
    edge: bool = False

    @classmethod
    def parse(cls, url: str | None = None) -> Self:
        """Read an address: a scheme, then a comma list of `host[:port]`.

        `grpc://` and `grpcs://` are cores, `http://` and `https://` edges (`ws://` and `wss://` are
        the same). Without a scheme it is `grpc://`; `dns:///name:port` and `unix:path` pass as they
        are. None means BLACKROAD_URL, and where that is not set the local `up`. Raises
        InvalidAddress.
        """
        text = (url or os.environ.get("BLACKROAD_URL") or DEFAULT_URL).strip()
        scheme, separator, rest = text.partition("://")
        if not separator or scheme == "dns":
            scheme, rest = "grpc", text
        edge = scheme in _EDGE
        if scheme not in _CORE | _EDGE:
            raise InvalidAddress(f"{text}: {scheme}:// is not known; {_HINT}")
        port, secure = (_CORE | _EDGE)[scheme]
        places = [each.strip() for each in rest.rstrip("/").split(",")]
        if edge and any(each.startswith(("dns:", "unix:")) for each in places):
            raise InvalidAddress(f"{text}: an edge is host[:port]; {_HINT}")
        return cls(tuple(_target(each, port, text) for each in places), secure=secure, edge=edge)


def _target(place: str, default_port: int, url: str) -> str:
    """Return what gRPC dials for one place of the list."""
    if place.startswith(("dns:", "unix:")):
        return place
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, str(default_port)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or "/" in host:
        raise InvalidAddress(f"{url}: {place!r} is not host:port; {_HINT}")
    return f"{host}:{port}"
