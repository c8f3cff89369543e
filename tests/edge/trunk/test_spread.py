"""Whoever knows cores by a name takes any of them, so that no core has everybody."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from blackroad.client import Client
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from blackroad.edge.trunk.link import connect
from blackroad.realtime.v1 import admin_pb2
from tests.journeys.names import naming

pytestmark = pytest.mark.usefixtures("one_loop")

ATTEMPTS = 60  # that all of them lead to one core of two, where either is as likely: never


@asynccontextmanager
async def named_cores() -> AsyncGenerator[str]:
    """Run two cores at one port of two addresses; give their one name."""
    async with AsyncExitStack() as stack:
        port = "0"
        for host in ("127.0.0.1", "127.0.0.2"):
            settings = CoreSettings(grpc=f"{host}:{port}", node=host, drain_seconds=0.1)
            addresses = await stack.enter_async_context(CoreServer(settings).open())
            port = addresses["grpc"].rpartition(":")[2]
        _, name = stack.enter_context(naming("127.0.0.1", "127.0.0.2"))
        yield f"{name}:{port}"


async def test_edges_are_at_all_cores_of_a_name() -> None:
    found: set[str] = set()
    async with named_cores() as name:
        for _ in range(ATTEMPTS):
            async with connect(name, "", None) as link:
                await link.open("", public=False)
                found.add(link.welcome.node)
                link.cancel()
    assert found == {"127.0.0.1", "127.0.0.2"}


async def test_clients_are_at_all_cores_of_a_name() -> None:
    found: set[str] = set()
    async with named_cores() as name:
        for _ in range(ATTEMPTS):
            async with Client(name) as client:
                request, parse = (
                    admin_pb2.ListNodesRequest(),
                    admin_pb2.ListNodesResponse.FromString,
                )
                answer = await client.dial.unary("AdminService/ListNodes", request, parse, 10)
                found.add(answer.nodes[0].name)
    assert found == {"127.0.0.1", "127.0.0.2"}
