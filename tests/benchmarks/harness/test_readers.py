"""Readers in their own process, against a server that keeps its word or does not."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from benchmarks.harness.readers import Connect, Expect, readers
from benchmarks.harness.remote import RemoteFailed
from benchmarks.harness.wire import Kind

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: connected\n\n"


@asynccontextmanager
async def telling(numbers: Sequence[int], go: asyncio.Event) -> AsyncGenerator[int]:
    """Serve SSE that tells these events when it may go; give the port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        await go.wait()
        for number in numbers:
            writer.write(b'data: {"n":%d,"t":%d}\n\n' % (number, number))
        with contextlib.suppress(ConnectionError):  # who fails does not say goodbye
            await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def test_readers_count_what_comes_to_each() -> None:
    go = asyncio.Event()
    async with telling([1, 2, 3], go) as port, readers() as far:
        await far.ask(Connect(Kind.SSE, port, "room", 2))
        go.set()
        heard = await far.ask(Expect(3, timed=True))
    assert heard.deliveries == 6


@pytest.mark.parametrize("numbers", [[1, 3], [1, 1], [2]])
async def test_readers_fail_where_an_event_is_lost_or_comes_twice(numbers: list[int]) -> None:
    go = asyncio.Event()
    async with telling(numbers, go) as port, readers() as far:
        await far.ask(Connect(Kind.SSE, port, "room", 2))
        go.set()
        with pytest.raises(RemoteFailed, match="WrongCount"):
            await far.ask(Expect(3))
