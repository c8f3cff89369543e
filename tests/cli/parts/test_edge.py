"""An edge that may not start says why, in one line."""

import asyncio
import os
import socket
import sys

from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("BLACKROAD")}


async def refused(*flags: str) -> str:
    """Return what an edge says that ends with status 1."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "blackroad.cli", "edge", *flags),
        env=ENVIRON,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        _, said = await process.communicate()
    assert process.returncode == 1, said
    assert b"Traceback" not in said
    return said.decode()


async def test_a_public_edge_of_a_core_without_keys_does_not_stay() -> None:
    settings = CoreSettings(grpc="127.0.0.1:0", drain_seconds=1)
    async with CoreServer(settings).open() as addresses:
        said = await refused("--http", "0.0.0.0:0", "--core", addresses["grpc"])
    assert "0.0.0.0:0 is public, and the core has no keys" in said


async def test_a_taken_address_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"cannot listen on {address}" in await refused("--http", address)
