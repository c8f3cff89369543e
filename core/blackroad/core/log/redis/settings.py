"""What a log in a server is told."""

from dataclasses import dataclass

from blackroad.core.log.redis.address import Address


@dataclass(frozen=True, slots=True)
class RedisLogSettings:
    """Where the log is, and its bounds, all partitions together."""

    address: Address
    prefix: str = "blackroad"
    partitions: int = 1
    incarnation: str = ""  # in the place of the server's own, where its data outlives its run
    retain_bytes: int = 256 << 20  # for resuming, in the server
    retain_seconds: float = 300.0
    history_bytes: int = 256 << 20  # of all channels' histories, in the server
    ring_bytes: int = 64 << 20  # of it, in each node
    linger_seconds: float = 60.0  # for which a partition is read on that nobody follows any more
    max_channels: int = 200_000
    idle_seconds: float = 3600.0
    idempotency_keys: int = 1_000_000
    replicates: bool = True  # whether the server may have replicas
    replicas: int = 0  # that must have an event before it is acknowledged
    replicas_seconds: float = 1.0
    lasting: frozenset[str] = frozenset()  # types of events that `lasting` returns
