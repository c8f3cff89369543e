"""The edge as a process: it drains at SIGTERM, and never listens publicly for a keyless core."""

import asyncio
import signal
import sys

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from blackroad.edge.server import Edge
from blackroad.edge.settings import Address, EdgeSettings
from blackroad.edge.trunk.options import PublicDevelopmentError
from tests.edge.rig import running_edge

PROGRAM = """
import sys
from blackroad.edge.server import run
from blackroad.edge.settings import EdgeSettings
run(EdgeSettings(http="127.0.0.1:0", core=sys.argv[1]), lambda at: print(at, flush=True))
"""


async def test_sigterm_tells_the_browsers_and_exits_0(core: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, core, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        address = (await process.stdout.readline()).decode().strip()
        async with connect(f"ws://{address}/ws/a") as socket:
            await socket.recv()
            process.send_signal(signal.SIGTERM)
            assert b"draining" in (await socket.recv(decode=False))
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        assert await process.wait() == 0


async def test_a_public_edge_of_a_keyless_core_does_not_start(core: str) -> None:
    public = Address(host="0.0.0.0", port=0)  # noqa: S104 - it is what must be refused
    edge = Edge(EdgeSettings(http=public, core=(core,)))
    with pytest.raises(ExceptionGroup) as refused:
        async with asyncio.timeout(5):
            await edge.serve(lambda _: None)
    assert refused.group_contains(PublicDevelopmentError)


async def test_the_time_for_a_handshake_holds_for_its_head_too(core: str) -> None:
    async with running_edge(core, handshake_seconds=0.5) as rig:
        host, _, port = rig.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /ws/ann HTTP/1.1\r\nHost: loc")
        async with asyncio.timeout(6):  # without the setting it would be 10
            answer = await reader.read(-1)
        assert answer.startswith(b"HTTP/1.1 408 ")
        writer.close()
        await writer.wait_closed()
