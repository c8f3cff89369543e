"""Requests: what is too long, too many or too late is refused, and a neighbour goes on."""

import asyncio

import pytest

from blackroad.edge.transport import Limits
from tests.edge.transport.rig import Server, serve

GET = b"GET /echo HTTP/1.1\r\nhost: x\r\n"


async def healthy(server: Server) -> None:
    """Fail where the server does not answer anybody else at once."""
    async with asyncio.timeout(3):
        assert b" 200 OK" in await server.ask(GET + b"connection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (GET + b"a: b\r\n" * 20_000 + b"\r\n", 431),
        (GET + b"a: b\r\n" * 101 + b"\r\n", 431),
        (GET + b"a: " + b"b" * 17_000 + b"\r\n\r\n", 431),
        (GET + b"a: " + b"b" * 1_000_000, 431),
        (b"GET /" + b"u" * 17_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431),
        (b"GET /" + b"u" * 1_000_000, 431),
        (b"nonsense\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 6291457\r\n\r\n", 413),
        (b"POST /small HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n", 413),
    ],
)
async def test_a_request_beyond_a_bound_is_refused(request_bytes: bytes, status: int) -> None:
    async with serve() as server:
        answer = await server.ask(request_bytes)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert answer.count(b"HTTP/1.1") == 1
        assert b"application/problem+json" in answer
        await healthy(server)


async def test_a_head_at_the_bounds_passes() -> None:
    async with serve() as server:
        fields = b"a: b\r\n" * 97 + b"c: " + b"d" * 15_000 + b"\r\nconnection: close\r\n\r\n"
        assert b" 200 OK" in await server.ask(GET + fields)


async def test_a_chunked_body_is_bounded_while_it_is_read() -> None:
    async with serve(Limits(body_bytes=100_000)) as server:
        chunk = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
        head = b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
        assert b" 200 OK" in await server.ask(
            head + b"connection: close\r\n\r\n" + chunk * 10 + b"0\r\n\r\n"
        )
        assert b" 413 " in await server.ask(head + b"\r\n" + chunk * 11 + b"0\r\n\r\n")


@pytest.mark.parametrize("rest", [b"0\r\na: " + b"b" * 900_000, b"1;" + b"e" * 900_000])
async def test_trailers_and_chunk_extensions_are_bounded(rest: bytes) -> None:
    async with serve() as server:
        head = b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        answer = await server.ask(head + rest)
        assert answer[9:12] in (b"400", b"431")
        await healthy(server)


async def test_a_slow_head_is_cut_off_and_neighbours_go_on() -> None:
    async with serve(Limits(head_seconds=0.5)) as server:
        crawlers = [await server.connect() for _ in range(50)]
        for _, writer in crawlers:
            writer.write(b"GET /echo HTTP/1.1\r\nho")
        await healthy(server)
        for reader, writer in crawlers:
            answer = await asyncio.wait_for(reader.read(), 5)
            assert answer.startswith(b"HTTP/1.1 408 ")
            writer.close()


async def test_a_head_that_trickles_has_one_deadline() -> None:
    async with serve(Limits(head_seconds=0.5)) as server:
        reader, writer = await server.connect()
        begun = asyncio.get_running_loop().time()
        reading = asyncio.ensure_future(reader.read())
        writer.write(b"GET /echo HTTP/1.1\r\n")
        while not reading.done():
            writer.write(b"a: b\r\n")
            await asyncio.wait([reading], timeout=0.1)
        assert b" 408 " in await reading
        assert asyncio.get_running_loop().time() - begun < 2
        writer.close()


async def test_a_silent_connection_is_closed_without_a_word() -> None:
    async with serve(Limits(head_seconds=0.3)) as server:
        assert await server.ask(b"") == b""


async def test_empty_lines_do_not_keep_a_connection() -> None:
    async with serve(Limits(head_seconds=0.3)) as server:
        server.uvicorn.config.timeout_keep_alive = 1
        reader, writer = await server.connect()
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"\r\n\r\n0")
        reading = asyncio.ensure_future(reader.read())
        while not reading.done():
            writer.write(b"\r\n")
            await asyncio.wait([reading], timeout=0.1)
        assert await reading == b""
        writer.close()


async def test_a_later_request_on_a_connection_has_the_same_bounds() -> None:
    async with serve(Limits(head_seconds=0.5)) as server:
        reader, writer = await server.connect()
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"\r\n\r\n0")
        writer.write(GET + b"\r\n" + GET + b"\r\n")
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n0")
        writer.write(GET)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_body_that_never_comes_is_late() -> None:
    async with serve(Limits(body_seconds=0.4)) as server:
        head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n123"
        assert (await server.ask(head)).startswith(b"HTTP/1.1 408 ")
        await healthy(server)


async def test_a_response_that_nobody_reads_ends() -> None:
    async with serve(Limits(write_seconds=0.3)) as server:
        reader, writer = await server.connect()
        writer.write(b"GET /large?n=50000000 HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(5):
            while server.uvicorn.server_state.connections:
                await healthy(server)
        writer.close()


async def test_an_abrupt_reset_harms_nobody() -> None:
    async with serve() as server:
        for _ in range(20):
            _, writer = await server.connect()
            writer.write(GET)
            writer.transport.abort()
        await healthy(server)


async def test_an_upgrade_to_something_else_is_an_ordinary_request() -> None:
    async with serve() as server:
        answer = await server.ask(GET + b"upgrade: h2c\r\nconnection: upgrade, close\r\n\r\n")
        assert b" 200 OK" in answer
