"""What one connection may do in a second, and how fast a body must come."""

import asyncio
import socket as sockets

import websockets

from blackroad.edge.transport import Limits, text_frame
from tests.edge.transport.rig import serve, until
from tests.edge.transport.wire import healthy, masked, raw

FLOOD = 3000
PING = b"\x89\x00"


async def read(reader: asyncio.StreamReader, size: int) -> bytes:
    """Read so much, the wheel's pings left out."""
    data = b""
    async with asyncio.timeout(15):
        while len(data) < size:
            data = (data + await reader.read(1 << 16)).replace(PING, b"")
    return data


async def test_a_flood_of_messages_is_read_at_the_rate_and_none_is_lost() -> None:
    async with serve(
        Limits(messages_per_second=1000, bytes_per_second=1 << 20, ping_seconds=99)
    ) as server:
        reader, writer = await raw(server)
        begun = asyncio.get_running_loop().time()
        writer.write(b"".join(masked(0x81, b"%d" % number) for number in range(FLOOD)))
        await healthy(server)
        expected = b"".join(text_frame(b"%d" % number) for number in range(FLOOD))
        assert await read(reader, len(expected)) == expected
        assert asyncio.get_running_loop().time() - begun > 1
        writer.close()


async def test_a_flood_of_bytes_is_read_at_the_rate_and_none_is_lost() -> None:
    async with serve(
        Limits(messages_per_second=1000, bytes_per_second=1 << 20, ping_seconds=99)
    ) as server:
        reader, writer = await raw(server)
        begun = asyncio.get_running_loop().time()
        payload = b"x" * 60_000
        sent = masked(0x81, payload) * 60
        expected = len(text_frame(payload)) * 60
        reading = asyncio.ensure_future(read(reader, expected))
        writer.write(sent)
        await healthy(server)
        await reading
        assert asyncio.get_running_loop().time() - begun > 1
        writer.close()


async def test_controls_and_fragments_count_as_messages_do() -> None:
    async with serve(
        Limits(messages_per_second=1000, bytes_per_second=1 << 20, ping_seconds=99)
    ) as server:
        reader, writer = await raw(server)
        begun = asyncio.get_running_loop().time()
        writer.write((masked(0x01, b"a") + masked(0x89, b"") + masked(0x80, b"b")) * 1000)
        expected = (b"\x8a\x00" + text_frame(b"ab")) * 1000
        assert await read(reader, len(expected)) == expected
        assert asyncio.get_running_loop().time() - begun > 0.5
        writer.close()


async def test_a_socket_that_is_held_up_is_not_blamed_for_its_pong() -> None:
    limits = Limits(messages_per_second=100, bytes_per_second=1 << 20, ping_seconds=2)
    async with serve(limits) as server, websockets.connect(server.url) as ws:
        for number in range(300):
            await ws.send(str(number))
        for number in range(300):
            assert await asyncio.wait_for(ws.recv(), 10) == str(number)


async def test_a_body_that_trickles_is_late_long_before_the_whole_time() -> None:
    async with serve(Limits(body_pace_seconds=0.3, body_bytes_per_pace=1000)) as server:
        reader, writer = await server.connect()
        writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
        reading = asyncio.ensure_future(reader.read())
        while not reading.done():
            writer.write(b"x")
            await asyncio.wait([reading], timeout=0.05)
        assert (await reading).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_body_that_comes_fast_enough_has_the_whole_time() -> None:
    async with serve(Limits(body_pace_seconds=0.2, body_bytes_per_pace=1000)) as server:
        reader, writer = await server.connect()
        writer.write(
            b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 20000\r\n\r\n"
        )
        for _ in range(20):
            await asyncio.sleep(0.05)
            writer.write(b"x" * 1000)
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"20000")
        writer.close()


async def fetch(port: int, piece: int, pause_seconds: float, size: int) -> int:
    """Ask for a long response and read it in pieces; return how much came before it ended."""
    loop = asyncio.get_running_loop()
    with sockets.socket() as client:
        client.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, b"GET /large?n=%d HTTP/1.1\r\nhost: x\r\n\r\n" % size)
        read = 0
        while read < size:
            try:
                data = await loop.sock_recv(client, piece)
            except ConnectionError:
                break
            if not data:
                break
            read += len(data)
            await asyncio.sleep(pause_seconds)
        return read


async def test_who_reads_a_byte_now_and_then_is_cut_off() -> None:
    async with serve(Limits(write_seconds=0.3)) as server:
        reading = asyncio.ensure_future(fetch(server.port, 1, 0.05, 8_000_000))
        connections = server.uvicorn.server_state.connections
        await until(lambda: bool(connections))
        await until(lambda: not connections)
        reading.cancel()
        await asyncio.wait([reading])
        await healthy(server)


async def test_who_reads_slowly_but_steadily_gets_it_all() -> None:
    async with serve(Limits(write_seconds=0.3)) as server, asyncio.timeout(30):
        assert await fetch(server.port, 50_000, 0.005, 2_000_000) >= 2_000_000
