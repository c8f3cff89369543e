"""Where the core is, and when an edge must not use it."""

from collections.abc import Callable
from dataclasses import dataclass

import grpc


class PublicDevelopmentError(Exception):
    """The core runs without keys, and this edge listens where others can reach it."""


@dataclass(frozen=True, slots=True)
class TrunkOptions:
    """Where the core is, and how long to wait for it."""

    addresses: tuple[str, ...]
    token: str = ""
    public: bool = False
    wait_seconds: float = 9.5
    request_seconds: float = 15.0
    credentials: Callable[[], grpc.ChannelCredentials] | None = None
    server_name: str = ""
