"""Redis itself, spoken to as directly as it goes: XADD and XREAD over a socket."""

import asyncio
from collections.abc import Sequence
from typing import Final, Self

import hiredis

from benchmarks.nodes.order import STREAM, Count

READ_BYTES: Final = 1 << 18
AT_MOST: Final = 1000


class Line:
    """One connection to a server, by its unix socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = hiredis.Reader()
        self._written = 0

    @classmethod
    async def open(cls, path: str) -> Self:
        """Connect."""
        return cls(*await asyncio.open_unix_connection(path, limit=READ_BYTES))

    async def add(self, bodies: Sequence[bytes]) -> None:
        """Add entries, in one write; return when the server has all of them."""
        numbers = range(self._written + 1, self._written + 1 + len(bodies))
        self._written += len(bodies)
        entries = zip(numbers, bodies, strict=True)
        self._writer.write(
            b"".join(
                command(b"XADD", STREAM.encode(), b"1-%d" % number, b"e", body)
                for number, body in entries
            )
        )
        for _ in bodies:
            await self._reply(None)

    async def read(self, count: Count) -> None:
        """Read one page of what is there, or wait for the first that comes."""
        after = b"1-%d" % count.came
        head = (b"XREAD", b"BLOCK", b"0", b"COUNT", b"%d" % AT_MOST)
        self._writer.write(command(*head, b"STREAMS", STREAM.encode(), after))
        await self._reply(count)

    async def _reply(self, count: Count | None) -> None:
        """Await one whole reply. It is the server's own bytes that are looked at."""
        pieces: list[bytes] = []
        while (reply := self._parser.gets()) is False:
            pieces.append(await self._reader.read(READ_BYTES))
            self._parser.feed(pieces[-1])
        if isinstance(reply, Exception):
            raise reply
        if count is not None:
            count.take(b"".join(pieces))

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


def command(*words: bytes) -> bytes:
    """Return a command as it goes over the wire."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words)
