"""Where a Redis or Valkey is, as the setting `log` spells it."""

from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import SecretStr


class Kind(Enum):
    """How the server that has a partition is found."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


SCHEMES: Final = {
    "redis": Kind.SINGLE,
    "rediss": Kind.SINGLE,
    "redis+sentinel": Kind.SENTINEL,
    "redis+cluster": Kind.CLUSTER,
}
PORTS: Final = {Kind.SINGLE: 6379, Kind.SENTINEL: 26379, Kind.CLUSTER: 6379}
OPTIONS: Final = frozenset({"tls", "ca", "cert", "key", "sentinel_user", "sentinel_password"})
NO_PASSWORD: Final = SecretStr("")
SHAPES: Final = (
    "redis://[user:password@]host[:port][/db], rediss://…, redis+sentinel://host[:port],…/service,"
    " redis+cluster://host[:port],… or embedded:DIR"
)


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for TLS towards the server; without authorities the system's are believed."""

    ca: str = ""
    cert: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """One server, or those that know where it is."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    socket: str = ""  # of a server on this machine, in the place of hosts
    db: int = 0
    user: str = ""
    password: SecretStr = NO_PASSWORD
    service: str = ""
    sentinel_user: str = ""
    sentinel_password: SecretStr = NO_PASSWORD
    tls: Tls | None = None

    def __str__(self) -> str:
        where = self.socket or ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"{self.kind.value} {where}"


def read_address(url: str) -> Address:
    """Return what an address says; raise ValueError for what is none."""
    parts = urlsplit(url)
    kind = SCHEMES.get(parts.scheme)
    if kind is None or not parts.netloc or parts.fragment:
        raise ValueError(f"must be memory://, {SHAPES}")
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    options = _options(parts)
    service, db = _path(kind, parts.path)
    return Address(
        kind,
        tuple(_host(text, PORTS[kind]) for text in hosts.split(",")),
        "",
        db,
        unquote(user),
        SecretStr(unquote(password)),
        service,
        options.get("sentinel_user", ""),
        SecretStr(options.get("sentinel_password", "")),
        _tls(parts.scheme, options),
    )


def _options(parts: SplitResult) -> dict[str, str]:
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if unknown := sorted(options.keys() - OPTIONS):
        raise ValueError(f"knows no option {unknown[0]}, only {', '.join(sorted(OPTIONS))}")
    return options


def _tls(scheme: str, options: dict[str, str]) -> Tls | None:
    wanted = scheme == "rediss" or options.get("tls") in ("1", "true", "yes")
    if wanted:
        return Tls(options.get("ca", ""), options.get("cert", ""), options.get("key", ""))
    if options.keys() & {"ca", "cert", "key"}:
        raise ValueError("has files for TLS, but no TLS: say rediss:// or tls=true")
    return None


def _path(kind: Kind, path: str) -> tuple[str, int]:
    """Return the service's name and the number of the database."""
    words = [word for word in path.split("/") if word]
    service = ""
    if kind is Kind.SENTINEL:
        if not words:
            raise ValueError("needs the name of the service: redis+sentinel://host:port/service")
        service = unquote(words.pop(0))
    if not words:
        return service, 0
    if kind is Kind.CLUSTER or len(words) > 1 or not words[0].isdecimal():
        raise ValueError(f"has a path that says nothing: /{'/'.join(words)}")
    return service, int(words[0])


def _host(text: str, port: int) -> tuple[str, int]:
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1], port
    host, colon, number = text.rpartition(":")
    if not colon:
        host, number = text, str(port)
    if not host or not number.isdecimal() or not 0 < int(number) < 65536:
        raise ValueError(f"has no host and port in {text!r}")
    return host.strip("[]"), int(number)
