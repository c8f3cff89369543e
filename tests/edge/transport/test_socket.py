"""WebSockets: the handshake, frames in and out, liveness, backlogs and endings."""

import asyncio
import socket as sockets
import struct

import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from blackroad.edge.transport import Limits, text_frame
from tests.edge.transport.rig import Server, serve, until

KEY = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n"
    b"sec-websocket-version: 13\r\n"
)


def masked(first: int, payload: bytes, announced: int | None = None) -> bytes:
    """Return a client's frame; masked with zeros, which changes nothing."""
    size = len(payload) if announced is None else announced
    if size < 126:
        return bytes([first, 0x80 | size]) + bytes(4) + payload
    if size <= 0xFFFF:
        return bytes([first, 0xFE]) + struct.pack("!H", size) + bytes(4) + payload
    return bytes([first, 0xFF]) + struct.pack("!Q", size) + bytes(4) + payload


async def raw(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Shake hands on a plain connection."""
    reader, writer = await server.connect()
    writer.write(UPGRADE + KEY + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def healthy(server: Server) -> None:
    """Fail where a neighbour's echo does not come at once."""
    async with asyncio.timeout(3), websockets.connect(server.url) as ws:
        await ws.send("still here")
        assert await ws.recv() == "still here"


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


async def test_bytes_that_came_with_the_handshake_are_replayed() -> None:
    async with serve() as server:
        reader, writer = await server.connect()
        writer.write(UPGRADE + KEY + b"\r\n" + masked(0x81, b"early") + masked(0x81, b"h")[:3])
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(7) == text_frame(b"early")
        writer.write(masked(0x81, b"half")[3:-4] + b"h")
        assert await reader.readexactly(3) == text_frame(b"h")
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


async def test_a_subprotocol_that_was_offered_is_selected() -> None:
    async with serve() as server:
        offered = [websockets.Subprotocol("bearer.x"), websockets.Subprotocol("blackroad.v1")]
        async with websockets.connect(server.url, subprotocols=offered) as ws:
            assert ws.subprotocol == "blackroad.v1"


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


async def test_a_frame_that_never_ends_is_no_pong() -> None:
    async with serve() as server:
        _, writer = await raw(server)
        peer = await server.peer()
        writer.write(masked(0x81, b"x" * 1000, announced=1_000_000))
        for _ in range(25 + 8 + 1):
            server.transport.tick()
        assert peer.codes == [4408]
        await healthy(server)
        writer.close()


async def test_a_pong_keeps_a_socket_and_its_absence_closes_it() -> None:
    async with serve() as server:
        reader, writer = await raw(server)
        peer = await server.peer()
        for beats in range(1, 4):
            for _ in range(25):
                if not peer.codes and peer.beats == beats:
                    break
                server.transport.tick()
            assert await reader.readexactly(2) == b"\x89\x00"
            writer.write(masked(0x8A, b"") + masked(0x81, b"x"))
            await reader.readexactly(3)
        assert peer.codes == []
        for _ in range(33):
            server.transport.tick()
        assert peer.codes == [4408]
        assert await reader.readexactly(6) == b"\x89\x00\x88\x09" + struct.pack("!H", 4408)
        writer.close()


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


async def test_a_reader_that_stops_is_told_from_one_that_reads() -> None:
    async with serve() as server:
        reader, writer = await raw(server)
        peer = await server.peer()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # typeshed: a WriteTransport
        block = text_frame(b"x" * 60_000)
        sent = 0
        while not peer.socket.backlogged:
            peer.socket.write(block)
            sent += len(block)
            await asyncio.sleep(0)
        assert peer.backlogs == [True]
        assert peer.socket.buffered > 0
        await healthy(server)
        writer.transport.resume_reading()  # type: ignore[attr-defined]  # typeshed, as above
        await reader.readexactly(sent)
        await until(lambda: peer.backlogs == [True, False])
        assert peer.socket.buffered == 0
        writer.close()


async def test_a_backlog_that_stands_still_ends_with_4413() -> None:
    async with serve(Limits(write_seconds=0.2)) as server:
        _, writer = await raw(server)
        peer = await server.peer()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # typeshed: a WriteTransport
        while not peer.socket.backlogged:
            peer.socket.write(text_frame(b"x" * 60_000))
            await asyncio.sleep(0)
        for _ in range(29):
            server.transport.tick()
        assert peer.socket.stalled_seconds >= 28
        assert peer.codes == []
        server.transport.tick()
        server.transport.tick()
        assert peer.codes == [4413]
        await until(lambda: len(server.transport) == 0)
        await healthy(server)
        writer.close()


async def test_nothing_is_left_of_a_handover_but_the_socket() -> None:
    async with serve() as server, websockets.connect(server.url):
        await server.peer()
        await until(lambda: not server.uvicorn.server_state.tasks)
        assert not server.uvicorn.server_state.connections
        assert len(server.transport) == 1


async def test_drain_ends_all_in_batches_and_uvicorn_then_ends_at_once() -> None:
    async with serve() as server:
        clients = [await websockets.connect(server.url) for _ in range(20)]
        await until(lambda: len(server.transport) == 20)
        loop = asyncio.get_running_loop()
        told: list[float] = []

        def farewell(outlet: object) -> None:
            told.append(loop.time())

        await asyncio.wait_for(server.transport.drain(farewell, 0.3), 5)
        assert len(told) == 20
        assert told[-1] - told[0] >= 0.15
        assert len(server.transport) == 0
        for client in clients:
            await client.wait_closed()
            assert client.close_code == 1012
        begun = loop.time()
        await asyncio.wait_for(server.uvicorn.shutdown(), 3)
        assert loop.time() - begun < 1


async def test_a_drain_ends_who_is_spared_when_that_is_over() -> None:
    async with serve() as server:
        clients = [await websockets.connect(server.url) for _ in range(3)]
        await until(lambda: len(server.transport) == 3)
        told: list[object] = []
        spared: list[object] = []

        def is_spared(outlet: object) -> bool:
            if not told and not spared:
                spared.append(outlet)
            return outlet in spared

        draining = asyncio.create_task(server.transport.drain(told.append, 0.1, is_spared))
        await until(lambda: len(server.transport) == 1)
        await asyncio.wait({draining}, timeout=0.3)
        assert not draining.done()
        assert spared[0] not in told
        spared.clear()
        await asyncio.wait_for(draining, 5)
        assert len(told) == 3
        for client in clients:
            await client.wait_closed()
            assert client.close_code == 1012
