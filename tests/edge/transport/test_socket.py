"""An open WebSocket: what comes through, what breaks the rules, and how it ends."""

import asyncio
import socket as sockets
import struct

import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from blackroad.edge.transport import Limits, text_frame
from tests.edge.transport.rig import serve, until
from tests.edge.transport.wire import healthy, masked, raw


async def test_a_message_of_any_size_comes_back() -> None:
    async with serve() as server, websockets.connect(server.url, max_size=None) as ws:
        for size in (0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000):
            await ws.send("ä" * (size // 2) + "x" * (size % 2))
            assert len(await asyncio.wait_for(ws.recv(decode=False), 5)) == size


async def test_fragments_and_pings_between_them_come_back_as_one() -> None:
    async with serve() as server:
        reader, writer = await raw(server)
        writer.write(masked(0x01, b"one ") + masked(0x89, b"?") + masked(0x80, b"two"))
        writer.write(masked(0x81, b"three"))
        answer = await reader.readexactly(3 + 9 + 7)
        assert answer == b"\x8a\x01?" + text_frame(b"one two") + text_frame(b"three")
        writer.close()


@pytest.mark.parametrize("step", [1, 2, 3, 7])
async def test_frames_may_come_in_any_pieces(step: int) -> None:
    async with serve() as server:
        reader, writer = await raw(server)
        wire = masked(0x81, b"x" * 200) + masked(0x8A, b"") + masked(0x81, b"two")
        for start in range(0, len(wire), step):
            writer.write(wire[start : start + step])
            await asyncio.sleep(0)
        assert await reader.readexactly(204 + 5) == text_frame(b"x" * 200) + text_frame(b"two")
        writer.close()


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (masked(0x81, b"\xff"), 1007),
        (masked(0x01, b"\xff") + masked(0x80, b""), 1007),
        (masked(0xC1, b"reserved bit"), 1002),
        (b"\x81\x01x", 1002),
        (masked(0x80, b"nothing to continue"), 1002),
        (masked(0x83, b"no such opcode"), 1002),
        (masked(0x81, b"", announced=6 * 1024 * 1024 + 1), 1009),
        (masked(0x81, b"raise"), 1011),
    ],
)
async def test_what_breaks_the_rules_is_closed_with_its_code(wire: bytes, code: int) -> None:
    async with serve() as server:
        reader, writer = await raw(server)
        writer.write(wire)
        answer = await asyncio.wait_for(reader.read(4), 5)
        assert answer[0] == 0x88
        assert struct.unpack("!H", answer[2:4])[0] == code
        await healthy(server)
        assert (await server.peer(0)).codes == [code]
        writer.close()


async def test_a_message_too_big_in_fragments_is_1009_although_more_is_on_its_way() -> None:
    async with serve(Limits(message_bytes=100_000)) as server:
        reader, writer = await raw(server)
        writer.write(masked(0x01, b"x" * 60_000))
        writer.write(masked(0x00, b"x" * 60_000) * 20)
        assert (await reader.read())[2:4] == struct.pack("!H", 1009)
        writer.close()


async def test_a_message_of_exactly_the_limit_passes() -> None:
    async with (
        serve(Limits(message_bytes=100_000)) as server,
        websockets.connect(server.url) as ws,
    ):
        await ws.send("x" * 100_000)
        assert len(await ws.recv()) == 100_000
        await ws.send(["x" * 50_000, "x" * 50_000])
        assert len(await ws.recv()) == 100_000
        await ws.send("x" * 100_001)
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_a_lost_connection_is_heard_once() -> None:
    async with serve() as server:
        _, writer = await raw(server)
        peer = await server.peer()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await until(lambda: peer.codes == [1006])
        peer.socket.close()
        peer.socket.write(b"nobody hears this")
        assert peer.codes == [1006]
        assert len(server.transport) == 0
        await healthy(server)


async def test_close_is_idempotent_and_finishes_the_handshake() -> None:
    async with serve() as server, websockets.connect(server.url) as ws:
        peer = await server.peer()
        peer.socket.write(text_frame(b"last"))
        peer.socket.close(4401, "expired")
        peer.socket.close(1000)
        peer.socket.write(text_frame(b"too late"))
        assert peer.codes == [4401]
        assert await ws.recv() == "last"
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "expired")
        await until(lambda: len(server.transport) == 0)


async def test_a_peer_that_does_not_answer_a_close_is_cut_off() -> None:
    async with serve(Limits(write_seconds=0.3)) as server:
        reader, writer = await raw(server)
        (await server.peer()).socket.close()
        assert (await asyncio.wait_for(reader.read(), 3))[:1] == b"\x88"
        assert len(server.transport) == 0
        writer.close()
