"""The same over TLS, where the transport is another one."""

import ssl
from pathlib import Path

import pytest
import trustme
import websockets
from websockets.exceptions import ConnectionClosed

from blackroad.edge.transport import Limits, text_frame
from tests.edge.transport.rig import serve, until


async def test_a_socket_and_its_endings_work_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "pem")
    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    async with serve(Limits(message_bytes=1000), str(tmp_path / "pem")) as server:
        url = f"wss://localhost:{server.port}/ws"
        async with websockets.connect(url, ssl=trust) as ws:
            peer = await server.peer()
            await ws.send("over TLS")
            assert await ws.recv() == "over TLS"
            peer.socket.write(text_frame(b"x" * 900) * 1000)
            for _ in range(1000):
                assert len(await ws.recv()) == 900
            await until(lambda: not peer.socket.backlogged)
            await ws.send("x" * 1001)
            with pytest.raises(ConnectionClosed) as closed:
                await ws.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        await until(lambda: len(server.transport) == 0)
