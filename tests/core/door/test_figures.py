"""What a core tells Prometheus of itself."""

import httpx
import pytest

from blackroad.client import Client
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings

pytestmark = pytest.mark.usefixtures("one_loop")

SETTINGS = CoreSettings(grpc="127.0.0.1:0", metrics="127.0.0.1:0", drain_seconds=2)
SILENT = {
    "blackroad_core_sessions": 0.0,
    "blackroad_core_edges": 0.0,
    "blackroad_core_workers": 0.0,
}


async def figures(address: str) -> dict[str, float]:
    """Ask for the metrics; return the core's own."""
    async with httpx.AsyncClient() as http:
        lines = (await http.get(f"http://{address}/metrics")).text.splitlines()
    pairs = [line.split(" ") for line in lines if line.startswith("blackroad_core_")]
    return {name: float(value) for name, value in pairs}


async def test_sessions_nodes_and_the_engine_are_told() -> None:
    server = CoreServer(SETTINGS)
    async with server.open() as addresses:
        before = await figures(addresses["metrics"])
        assert before == SILENT | {
            "blackroad_core_nodes": 1.0,
            "blackroad_core_engine_healthy": 1.0,
            "blackroad_core_draining": 0.0,
            "blackroad_core_queued_bytes": 0.0,
        }
        async with Client(f"grpc://{addresses['grpc']}") as client:
            async with client.subscribe("room"):
                assert (await figures(addresses["metrics"]))["blackroad_core_sessions"] == 1.0
            server.node.draining = True
            assert (await figures(addresses["metrics"]))["blackroad_core_draining"] == 1.0
            server.node.draining = False
