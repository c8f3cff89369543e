"""The installation that the scenarios run against, and the doors into it.

CONFORMANCE_HTTP and CONFORMANCE_GRPC (or --http and --grpc) name a deployment; without them one is
started. CONFORMANCE_SECRET is its HS256 secret; without it the one of development mode.
CONFORMANCE_EXAMPLES is how many histories the resuming scenario tries for each pair of doors.
"""

import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import jwt
import pytest

from blackroad.core.identity import development
from tests.conformance import document
from tests.conformance.doors import Door
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.processes import up

NAMES: Final = ("grpc", "websocket", "sse")
PAIRS: Final = tuple((first, second) for first in NAMES for second in NAMES)
# Users publish at most ten events a second by default; what is measured here is not the limits.
UNLIMITED: Final = {
    "LIMITS__USER__MESSAGES_PER_SECOND": "100000",
    "LIMITS__USER__BURST_LIMIT": "100000",
    "LIMITS__SERVICE__MESSAGES_PER_SECOND": "100000",
    "LIMITS__SERVICE__BURST_LIMIT": "100000",
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where a deployment is, and how its tokens are signed."""

    http: str
    grpc: str
    secret: str

    def door(self, name: str) -> Door:
        """Return a door by its name."""
        match name:
            case "grpc":
                return GrpcDoor(self.grpc)
            case "websocket":
                return WebSocketDoor(self.http, document.of(self.http))
            case _:
                return SseDoor(self.http, document.of(self.http))

    def token(self, subject: str, *grants: tuple[str, str], kind: str = "user") -> str:
        """Return a token; a grant is a pattern and its actions with blanks between them."""
        now = int(time.time())
        claims = {
            "sub": subject,
            "kind": kind,
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + 600,
            "grants": [
                {"pattern": pattern, "actions": actions.split()} for pattern, actions in grants
            ],
        }
        return jwt.encode(claims, self.secret, algorithm="HS256")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the addresses of a deployment."""
    parser.addoption("--http", default=os.environ.get("CONFORMANCE_HTTP"), help="host:port")
    parser.addoption("--grpc", default=os.environ.get("CONFORMANCE_GRPC"), help="host:port")


def _option(config: pytest.Config, name: str) -> str | None:
    given: str | None = config.getoption(f"--{name}", None) or os.environ.get(
        f"CONFORMANCE_{name.upper()}"
    )
    return given


@pytest.fixture(scope="session")
def deployment(pytestconfig: pytest.Config, one_loop: None) -> Generator[Deployment]:
    """Give the deployment under test; one of our own where none is named."""
    del one_loop
    http, grpc = _option(pytestconfig, "http"), _option(pytestconfig, "grpc")
    secret = os.environ.get("CONFORMANCE_SECRET", development.SECRET)
    if http and grpc:
        yield Deployment(http, grpc, secret)
        return
    assert not http, "give both addresses, or none"
    assert not grpc, "give both addresses, or none"
    with up(**UNLIMITED) as started:
        yield Deployment(started.http, started.grpc, secret)
        assert started.process.terminate() == 0, started.process.output


@pytest.fixture(params=NAMES)
def door(request: pytest.FixtureRequest, deployment: Deployment) -> Door:
    """Give each door in turn."""
    return deployment.door(request.param)


@pytest.fixture(params=("grpc", "websocket"))
def session_door(request: pytest.FixtureRequest, deployment: Deployment) -> Door:
    """Give each door whose session may have several subscriptions."""
    return deployment.door(request.param)


@pytest.fixture
def doors(deployment: Deployment) -> list[Door]:
    """Give all doors."""
    return [deployment.door(name) for name in NAMES]


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def pair(request: pytest.FixtureRequest, deployment: Deployment) -> tuple[Door, Door]:
    """Give each of the nine pairs of doors."""
    first, second = request.param
    return deployment.door(first), deployment.door(second)


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Give names of rooms that nobody has used."""
    return lambda: f"conformance.{uuid4().hex[:12]}"


@pytest.fixture
def room(fresh: Callable[[], str]) -> str:
    """Give a room that nobody has used."""
    return fresh()
