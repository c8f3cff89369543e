"""What each part reads: together they are the tree. A part's values are checked when it starts."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from blackroad.agents.settings import AgentsSettings
from blackroad.core.address import Address
from blackroad.core.settings import CoreSettings, Part, TlsSettings
from blackroad.edge.settings import EdgeLimits

LOCAL_CORE: Final = "127.0.0.1:50051"


def _some(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words:
        raise ValueError("must name at least one address")
    return words


Cores = Annotated[tuple[str, ...], AfterValidator(_some)]


class DoorSettings(Part):
    """Which pages and hosts an edge answers, and which proxies it believes."""

    origins: tuple[str, ...] = Field(
        default=(), description="origins of pages; else the same origin only"
    )
    hosts: tuple[str, ...] = Field(default=(), description="names that `Host` may have")
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="networks whose X-Forwarded-For counts"
    )


class EdgePart(Part):
    """All that an edge reads."""

    http: Address = Field(default="127.0.0.1:8080", description="where the edge listens")
    core: Cores = Field(default=(LOCAL_CORE,), description="the cores, or dns:///name:port")
    token: str = Field(default="", repr=False, description="what the edge shows its core")
    auth: DoorSettings = DoorSettings()
    tls: TlsSettings = TlsSettings()
    compression: bool = Field(default=False, description="permessage-deflate on WebSockets")
    edge: EdgeLimits = EdgeLimits()


class MetricsPart(Part):
    """What a host of agents reads beside its own settings."""

    metrics: Address | None = Field(default=None, description="where its probes are served")


class LoggingSettings(Part):
    """How a process logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="auto: console on a terminal, else JSON lines"
    )


class LoggingPart(Part):
    """What every process reads for its log."""

    logging: LoggingSettings = LoggingSettings()


class ClientPart(Part):
    """What client commands and SDKs read."""

    url: str = Field(default="", description="grpc://host:port or grpcs://…; else the local `up`")
    token: str = Field(default="", repr=False, description="who the command speaks for")


class FilePart(Part):
    """Where the settings' file is."""

    config: str = Field(default="", description="else ./blackroad.toml where there is one")


PARTS: Final = (
    CoreSettings,
    EdgePart,
    AgentsSettings,
    MetricsPart,
    LoggingPart,
    ClientPart,
    FilePart,
)
