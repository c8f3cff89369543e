"""What sockets of a process share: the wheel, backlogs, and the drain."""

import asyncio
import struct

import websockets

from blackroad.edge.transport import Limits, text_frame
from tests.edge.transport.rig import serve, until
from tests.edge.transport.wire import healthy, masked, raw


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
