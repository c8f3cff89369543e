"""The handshake of a WebSocket: who gets in, who is refused, and who is late."""

import pytest
import websockets
from websockets.exceptions import InvalidStatus

from blackroad.edge.transport import Limits, text_frame
from tests.edge.transport.rig import serve, until
from tests.edge.transport.wire import KEY, UPGRADE, healthy, masked


async def test_bytes_that_came_with_the_handshake_are_replayed() -> None:
    async with serve() as server:
        reader, writer = await server.connect()
        writer.write(UPGRADE + KEY + b"\r\n" + masked(0x81, b"early") + masked(0x81, b"h")[:3])
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(7) == text_frame(b"early")
        writer.write(masked(0x81, b"half")[3:-4] + b"h")
        assert await reader.readexactly(3) == text_frame(b"h")
        writer.close()


async def test_a_subprotocol_that_was_offered_is_selected() -> None:
    async with serve() as server:
        offered = [websockets.Subprotocol("bearer.x"), websockets.Subprotocol("blackroad.v1")]
        async with websockets.connect(server.url, subprotocols=offered) as ws:
            assert ws.subprotocol == "blackroad.v1"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (UPGRADE + b"\r\n", 400),
        (UPGRADE + b"sec-websocket-key: short\r\n\r\n", 400),
        (UPGRADE.replace(b": 13", b": 8") + KEY + b"\r\n", 426),
        (UPGRADE.replace(b"host: x\r\n", b"") + KEY + b"\r\n", 400),
        (UPGRADE.replace(b"/ws", b"/foreign") + KEY + b"\r\n", 403),
        (UPGRADE.replace(b"/ws", b"/nowhere") + KEY + b"\r\n", 403),
        (UPGRADE.replace(b"/ws", b"/undecided") + KEY + b"\r\n", 500),
        (UPGRADE.replace(b"/ws", b"/failing") + KEY + b"\r\n", 500),
    ],
)
async def test_a_handshake_that_is_refused_gets_a_status(request_bytes: bytes, status: int) -> None:
    async with serve() as server:
        answer = await server.ask(request_bytes)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        await healthy(server)


async def test_a_client_sees_a_refusal_as_a_status() -> None:
    async with serve() as server:
        with pytest.raises(InvalidStatus):
            await websockets.connect(server.url.replace("/ws", "/foreign"))


async def test_half_a_handshake_is_late_and_neighbours_go_on() -> None:
    async with serve(Limits(head_seconds=0.4)) as server:
        reader, writer = await server.connect()
        writer.write(UPGRADE)
        await healthy(server)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_door_that_does_not_decide_is_late() -> None:
    async with serve(Limits(handshake_seconds=0.2)) as server:
        answer = await server.ask(UPGRADE.replace(b"/ws", b"/slow") + KEY + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 408 ")
        await until(lambda: not server.uvicorn.server_state.tasks)


async def test_nothing_is_left_of_a_handover_but_the_socket() -> None:
    async with serve() as server, websockets.connect(server.url):
        await server.peer()
        await until(lambda: not server.uvicorn.server_state.tasks)
        assert not server.uvicorn.server_state.connections
        assert len(server.transport) == 1
