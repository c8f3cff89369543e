"""Streams of events: their head, blocks, comments, backlogs and endings."""

import asyncio
import itertools

from blackroad.edge.transport import Limits
from tests.edge.transport.rig import Server, serve, until

GET = b"GET /sse HTTP/1.1\r\nhost: x\r\n\r\n"
FIRST = b"event: connected\ndata: 1\n\n"


async def stream(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a stream and read its first block."""
    reader, writer = await server.connect()
    writer.write(GET)
    await reader.readuntil(FIRST)
    return reader, writer


async def test_the_head_forbids_buffering_and_carries_what_the_door_adds() -> None:
    async with serve() as server:
        reader, writer = await server.connect()
        writer.write(GET)
        head = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        assert head[0] == b"http/1.1 200 ok"
        assert b"content-type: text/event-stream; charset=utf-8" in head
        assert b"cache-control: no-cache, no-transform" in head
        assert b"x-accel-buffering: no" in head
        assert b"x-extra: yes" in head
        assert not [line for line in head if line.startswith((b"content-length", b"transfer"))]
        assert await reader.readuntil(FIRST) == FIRST
        writer.close()


async def test_blocks_come_as_they_are_written_and_close_ends_the_response() -> None:
    async with serve() as server:
        reader, writer = await stream(server)
        peer = await server.peer()
        peer.stream.write(b"data: 2\n\ndata: 3\n\n")
        assert await reader.readexactly(18) == b"data: 2\n\ndata: 3\n\n"
        peer.stream.write(b"data: last\n\n")
        peer.stream.close(1012)
        peer.stream.write(b"data: too late\n\n")
        assert await reader.read() == b"data: last\n\n"
        assert peer.codes == [1012]
        assert len(server.transport) == 0
        writer.close()


async def test_http_1_0_sees_the_same() -> None:
    async with serve() as server:
        asking = asyncio.ensure_future(server.ask(b"GET /sse HTTP/1.0\r\n\r\n"))
        peer = await server.peer()
        await until(lambda: not peer.stream.backlogged)
        peer.stream.close()
        assert (await asking).endswith(b"\r\n\r\n" + FIRST)


async def test_head_gets_the_head_only() -> None:
    async with serve() as server:
        answer = await server.ask(GET.replace(b"GET", b"HEAD"))
        assert answer.endswith(b"\r\n\r\n")
        assert b"text/event-stream" in answer
        assert (await server.peer()).codes == [1000]
        assert len(server.transport) == 0


async def test_a_stream_that_is_not_open_yet_counts_as_backlogged() -> None:
    async with serve() as server:
        _, writer = await stream(server)
        peer = await server.peer()
        assert peer.backlogs == [False]
        assert not peer.stream.backlogged
        writer.close()


async def test_a_comment_comes_every_15_seconds_with_the_doors_bookmark_before_it() -> None:
    async with serve() as server:
        reader, writer = await stream(server)
        peer = await server.peer()
        for _ in range(30):
            server.transport.tick()
        assert await reader.readexactly(6) == b":\n\n:\n\n"
        assert peer.beats == 2
        writer.close()


async def test_a_reader_that_goes_is_heard_of() -> None:
    async with serve() as server:
        _, writer = await stream(server)
        peer = await server.peer()
        writer.close()
        await until(lambda: peer.codes == [1006])
        assert len(server.transport) == 0


async def test_a_reader_that_goes_before_the_head_is_heard_of() -> None:
    async with serve() as server:
        _, writer = await server.connect()
        writer.write(GET)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        await until(lambda: all(peer.codes == [1006] for peer in server.peers))
        assert len(server.transport) == 0


async def test_who_talks_into_a_stream_is_cut_off() -> None:
    async with serve() as server:
        _, writer = await stream(server)
        peer = await server.peer()
        writer.write(b"x" * 100_000)
        await until(lambda: peer.codes == [1006])
        writer.close()


async def test_a_reader_that_stops_ends_with_4413_and_a_neighbour_goes_on() -> None:
    async with serve(Limits(write_seconds=0.2)) as server:
        _, slow = await stream(server)
        peer = await server.peer()
        slow.transport.pause_reading()  # type: ignore[attr-defined]  # typeshed: a WriteTransport
        while not peer.stream.backlogged:
            peer.stream.write(b"data: " + b"x" * 60_000 + b"\n\n")
            await asyncio.sleep(0)
        reader, writer = await stream(server)
        neighbour = server.peers[1]
        number = 0
        for number in itertools.count():
            server.transport.tick()
            neighbour.stream.write(b"data: %03d\n\n" % number)
            assert b"data: %03d" % number in await reader.readuntil(b"%03d\n\n" % number)
            if peer.codes:
                break
        assert peer.codes == [4413]
        assert number >= 29
        await until(lambda: len(server.transport) == 1)
        slow.close()
        writer.close()
