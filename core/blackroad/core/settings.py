"""What a core process can be told: names, defaults and bounds. The command reads them in."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blackroad.core.address import Address, is_loopback
from blackroad.core.identity.identity import Grant
from blackroad.core.values import (
    EngineAddress,
    File,
    Grants,
    Jwks,
    Pattern,
    PublicKey,
    Secret,
    read_grant,
)

MIB = 1024 * 1024


class Part(BaseModel):
    """A branch of the settings: frozen, and without names that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AuthSettings(Part):
    """How tokens are verified. No key at all means development mode."""

    secret: Secret | None = Field(default=None, description="HS256 secret, at least 32 bytes")
    public_key: PublicKey | None = Field(
        default=None, description="PEM of an RSA, P-256 or Ed25519 public key, inline or a file"
    )
    jwks: Jwks | None = Field(default=None, description="address or file of a JWKS")
    jwks_refresh_seconds: float = Field(
        default=300, ge=1, description="after which the JWKS is read again"
    )
    jwks_keep_seconds: float = Field(
        default=3600, ge=0, description="that its last keys hold where it cannot be read"
    )
    audience: str | None = Field(default=None, description="what `aud` must contain")
    issuer: str | None = Field(default=None, description="what `iss` must be")
    require: tuple[str, ...] = Field(
        default=(), description="claims that a token must have, beside exp, sub, kind and jti"
    )
    max_lifetime_seconds: float = Field(
        default=366 * 86400,
        ge=60,
        description="that a token may live, and a revocation holds",
    )
    session_secret: Secret | None = Field(
        default=None, description="signs session cookies; else made of auth.secret, else at start"
    )

    @property
    def development(self) -> bool:
        """Whether there are no keys."""
        return self.secret is None and self.public_key is None and self.jwks is None


class CertificateIdentity(Part):
    """Who a client certificate stands for, by one of its names."""

    kind: Literal["agent", "user", "service", "gateway"] = "service"
    subject: str = Field(default="", description="else the certificate's name")
    tenant: str = "default"
    grants: Grants = Field(default=(), description="pattern:action,action")

    @property
    def parsed_grants(self) -> tuple[Grant, ...]:
        """The grants."""
        return tuple(map(read_grant, self.grants))


class TlsSettings(Part):
    """Files for TLS, all PEM: what a server shows, and what a client shows and believes."""

    cert: File | None = Field(default=None, description="the chain")
    key: File | None = Field(default=None, description="its key")
    client_ca: File | None = Field(
        default=None, description="authorities of clients, which must then have a certificate"
    )
    ca: File | None = Field(default=None, description="authorities of servers; else the system's")
    server_name: str = Field(default="", description="the core's name, where it is not its address")
    identities: dict[str, CertificateIdentity] = Field(
        default_factory=dict, description="services by a name of their certificates"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.cert is None) is not (self.key is None):
            raise ValueError("tls.cert and tls.key go together")
        if self.client_ca is not None and self.cert is None:
            raise ValueError("tls.client_ca needs tls.cert and tls.key")
        return self


class RateSettings(Part):
    """One kind's limits, by the names of the guide."""

    messages_per_second: float = Field(default=2000, gt=0)
    messages_per_minute: int = Field(default=0, ge=0, description="0: no such window")
    burst_limit: int = Field(default=4000, ge=1)
    cooldown_seconds: float = Field(
        default=60, ge=0, description="pause after 100 refusals in 10 s; 0: none"
    )
    commands_per_second: float = Field(default=100, gt=0, description="all other requests")
    commands_burst: int = Field(default=300, ge=1)


class UserRateSettings(RateSettings):
    """A user's limits."""

    messages_per_second: float = Field(default=10, gt=0)
    burst_limit: int = Field(default=20, ge=1)


class LimitsSettings(Part):
    """How many publishes and invocations each kind may make, over all its sessions."""

    user: UserRateSettings = UserRateSettings()
    agent: RateSettings = RateSettings()
    service: RateSettings = RateSettings()
    queued_bytes: int = Field(
        default=256 * MIB, ge=MIB, description="what waits in all queues of the process"
    )


class NamespaceSettings(Part):
    """The policy of channels that nobody created, by the longest pattern that matches."""

    access: Literal["public", "private"] = "public"
    presence: bool = False
    history_limit: int = Field(default=100, ge=0, le=100_000)
    history_seconds: float = Field(default=3600, ge=0, le=30 * 86400)
    max_members: int = Field(default=1000, ge=0, description="0: no limit")
    publishers: Literal["anyone", "services", "owner", "server"] = "anyone"
    history_before_join: bool = True


class RetentionSettings(Part):
    """How much of the log is kept for resume, whichever is less."""

    seconds: float = Field(default=300, gt=0)
    bytes: int | None = Field(
        default=None, ge=MIB, description="else 64 MiB in memory, 256 MiB in a server"
    )
    history_bytes: int = Field(
        default=256 * MIB, ge=MIB, description="of all channels' histories; the oldest go first"
    )


class EngineSettings(Part):
    """How the log lies in a server."""

    partitions: int | None = Field(
        default=None, ge=1, le=64, description="else 1, with Cluster 8; fixed by the first start"
    )
    replicas: int = Field(
        default=0, ge=0, le=8, description="that must have an event before it is acknowledged"
    )
    prefix: str = Field(
        default="blackroad", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="of all its keys"
    )


class PresenceSettings(Part):
    """How long an entry of presence outlives its connection."""

    lease_seconds: float = Field(default=30, gt=0)
    grace_seconds: float = Field(default=5, ge=0)


class AnswersSettings(Part):
    """How long invocations may wait, and how long an answer can be looked at after its end."""

    keep_seconds: float = Field(default=3600, gt=0)
    keep_bytes: int = Field(
        default=64 * MIB, ge=MIB, description="of ended answers; the oldest go first"
    )
    deadline_seconds: float = Field(default=600, gt=0, description="where an invocation names none")
    queue_items: int = Field(default=1000, ge=0, description="that wait for one target")
    queue_bytes: int = Field(default=32 * MIB, ge=0, description="that wait for one target")
    grace_seconds: float = Field(default=5, ge=0, description="that a lost worker has to come back")
    cancel_seconds: float = Field(
        default=5, gt=0, description="that a worker has to confirm a cancel"
    )
    conversation_tokens: int = Field(
        default=8192, ge=0, description="of a conversation's earlier turns that an agent gets"
    )


class CoreSettings(Part):
    """All that a core process reads."""

    grpc: Address = Field(default="127.0.0.1:50051", description="where the core listens")
    log: EngineAddress = Field(
        default="memory://",
        description="the log's engine: memory://, embedded:DIR, redis://, rediss://,"
        " redis+sentinel:// or redis+cluster://",
    )
    node: str = Field(
        default="", description="this process's name; else <host>-<gRPC port>", max_length=128
    )
    metrics: Address | None = Field(
        default=None, description="where metrics and probes are served; else nowhere"
    )
    reflection: bool | None = Field(
        default=None, description="gRPC reflection; else on in development without TLS"
    )
    drain_seconds: float = Field(default=10, ge=0, le=3600, description="how long a drain may take")
    auth: AuthSettings = AuthSettings()
    tls: TlsSettings = TlsSettings()
    limits: LimitsSettings = LimitsSettings()
    namespaces: dict[Pattern, NamespaceSettings] = Field(default_factory=dict)
    retention: RetentionSettings = RetentionSettings()
    engine: EngineSettings = EngineSettings()
    presence: PresenceSettings = PresenceSettings()
    answers: AnswersSettings = AnswersSettings()

    @model_validator(mode="after")
    def _public_only_with_keys(self) -> Self:
        if self.auth.development and not is_loopback(self.grpc):
            raise ValueError(
                f"grpc: {self.grpc} can be reached from other machines, which needs keys:"
                " set auth.secret, auth.public_key or auth.jwks, or listen on 127.0.0.1"
            )
        if self.auth.development and self.tls.identities:
            raise ValueError("tls.identities needs keys beside it: set auth.secret")
        return self
