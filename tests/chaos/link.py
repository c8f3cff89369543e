"""A way between two processes that a test can cut: a small TCP proxy."""

import asyncio
import contextlib
from typing import Final, Self

CHUNK_BYTES: Final = 64 << 10


class Link:
    """Takes connections at a port of its own and carries them to another port of this machine.

    `cut` lets nothing through and says nothing, as a lost network does; `sever` ends what stands
    and refuses what comes, as a restarted machine does. `mend` carries on, also what was held back.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            self._drop()
            self._open.set()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Carry nothing any more; connections stand, and are silent."""
        self._open.clear()

    def sever(self) -> None:
        """End all connections, and refuse new ones."""
        self._refuses = True
        self._drop()

    def mend(self) -> None:
        """Carry again."""
        self._refuses = False
        self._open.set()

    def _drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours = {writer}
        self._writers |= ours
        try:
            await self._open.wait()
            if self._refuses:
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            ours.add(far_writer)
            self._writers.add(far_writer)
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        except OSError:
            pass  # either side is gone
        finally:
            self._writers -= ours
            for each in ours:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
