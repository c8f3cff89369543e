"""A core with an edge before it, and the SDK at the edge's door."""

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass

import pytest

from blackroad.client import Client
from tests.processes import part


@dataclass(frozen=True, slots=True)
class Doors:
    """The addresses of a core and of its edge, as the SDK takes them."""

    grpc: str
    http: str


@pytest.fixture(scope="module")
def doors() -> Generator[Doors]:
    """Give a core and an edge without keys."""
    limits = {"LIMITS__USER__BURST_LIMIT": "1000", "LIMITS__USER__MESSAGES_PER_SECOND": "1000"}
    with (
        part("core", GRPC="127.0.0.1:0", **limits) as core,
        part("edge", HTTP="127.0.0.1:0", CORE=core.addresses["grpc"]) as edge,
    ):
        yield Doors(f"grpc://{core.addresses['grpc']}", f"http://{edge.addresses['http']}")


@pytest.fixture
async def web(doors: Doors) -> AsyncGenerator[Client]:
    """Give a client at the edge."""
    async with Client(doors.http, timeout_seconds=20) as client:
        yield client


@pytest.fixture
async def grpc(doors: Doors) -> AsyncGenerator[Client]:
    """Give a client at the core."""
    async with Client(doors.grpc, timeout_seconds=20) as client:
        yield client
