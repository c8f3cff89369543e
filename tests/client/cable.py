"""A TCP relay that can be cut, as networks are."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Self


class Cable:
    """Relays connections to a target until they are cut."""

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._ends: set[asyncio.StreamWriter] = set()
        self.url = ""
        self.connections = 0
        self.broken = False  # while it is, a connection that is made is cut at once

    @classmethod
    @asynccontextmanager
    async def laid(cls, target: str) -> AsyncGenerator[Self]:
        """Relay on a free port while the context lasts."""
        cable = cls(target)
        server = await asyncio.start_server(cable._relay, "127.0.0.1", 0)
        cable.url = "grpc://{}:{}".format(*server.sockets[0].getsockname()[:2])
        try:
            yield cable
        finally:
            server.close()
            cable.cut()
            await server.wait_closed()

    def cut(self) -> None:
        """Break every connection, without a word to either end; new ones are relayed again."""
        for end in list(self._ends):
            end.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.broken:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._host, int(self._port))
        self._ends |= {writer, back}
        try:
            with contextlib.suppress(OSError):
                async with asyncio.TaskGroup() as group:
                    group.create_task(_pump(reader, back))
                    group.create_task(_pump(there, writer))
        finally:
            self._ends -= {writer, back}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()
