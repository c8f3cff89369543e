"""What an edge can be told: its own fields of the one tree of settings."""

from ipaddress import ip_network
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

SECURE: Final = "grpcs://"
MIB = 1024 * 1024

Port = Annotated[int, Field(ge=0, le=65535)]


class Address(BaseModel):
    """A host and a port; port 0 picks a free one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: Port = 8080

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `host:port`, `[v6]:port` or `:port` (all interfaces); ValueError otherwise."""
        host, separator, port = text.rpartition(":")
        if not separator or not port.isdigit():
            raise ValueError(f"{text!r} is not host:port")
        every = "0.0.0.0"  # noqa: S104 - `:port` says so
        return cls(host=host.strip("[]") or every, port=int(port))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host == "localhost" or self.host == "::1" or self.host.startswith("127.")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class EdgeTls(BaseModel):
    """The edge's certificate, and what it shows to the core."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cert: str = ""
    key: str = ""
    client_ca: str = ""
    ca: str = ""
    server_name: str = ""


class EdgeLimits(BaseModel):
    """Sizes and times that the edge enforces by itself; all times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_frame_bytes: int = 6 * MIB
    max_json_depth: int = 32
    max_backlog_bytes: int = MIB
    max_queued_bytes: int = 256 * MIB
    max_messages_per_second: Annotated[int, Field(ge=1)] = 4000
    max_bytes_per_second: Annotated[int, Field(ge=1)] = 16 * MIB
    max_connections: Annotated[int, Field(ge=1)] = 50_000
    max_connections_per_address: Annotated[int, Field(ge=1)] = 100
    new_connections_per_second: Annotated[float, Field(gt=0)] = 10.0
    limit_loopback: bool = False
    handshake_seconds: float = 10.0
    ping_interval_seconds: Annotated[float, Field(ge=1)] = 25.0
    pong_timeout_seconds: Annotated[float, Field(ge=1)] = 8.0
    write_timeout_seconds: float = 5.0
    stall_seconds: float = 30.0
    sse_comment_seconds: Annotated[float, Field(ge=1)] = 15.0
    core_wait_seconds: float = 5.0  # below the 10 s after which common clients give up
    request_seconds: float = 15.0
    drain_seconds: float = 20.0


class EdgeSettings(BaseModel):
    """All that one edge process needs to know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    http: Address = Address()
    core: tuple[str, ...] = ("127.0.0.1:50051",)
    token: str = Field(default="", repr=False)
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    compression: bool = False
    limits: EdgeLimits = EdgeLimits()
    tls: EdgeTls = EdgeTls()
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("http", mode="before")
    @classmethod
    def _read_address(cls, value: object) -> object:
        return Address.parse(value) if isinstance(value, str) else value

    @field_validator("core", mode="before")
    @classmethod
    def _read_core(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network, strict=False)
        return networks

    @field_validator("core")
    @classmethod
    def _check_core(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        if len({address.startswith(SECURE) for address in addresses}) > 1:
            raise ValueError("either all addresses of the core are grpcs://, or none")
        return addresses

    @property
    def core_tls(self) -> bool:
        """Whether the core is dialled with TLS: its addresses are `grpcs://host:port`."""
        return any(address.startswith(SECURE) for address in self.core)

    @property
    def core_targets(self) -> tuple[str, ...]:
        """The core's addresses, as gRPC dials them."""
        return tuple(address.removeprefix(SECURE) for address in self.core)
