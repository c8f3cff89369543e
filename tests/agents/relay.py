"""A relay in front of a mock that does not note who closed a connection, and when."""

import asyncio
from types import TracebackType
from typing import Final, Self

SECONDS: Final = 10.0
_PIECE: Final = 64 << 10


class Relay:
    """Passes bytes both ways; `hung_up` has the loop's times at which the client closed."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self.hung_up: list[float] = []

    @property
    def address(self) -> str:
        """Where it listens, `host:port`."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._passed, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def wait_for_hang_up(self, count: int) -> float:
        """Wait until clients have closed more connections than this; return when the last was."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.hung_up) > count)
        return self.hung_up[-1]

    async def _passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        up = asyncio.create_task(_copy(reader, back))
        down = asyncio.create_task(_copy(there, writer))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not down.done():
                async with self._changed:
                    self.hung_up.append(asyncio.get_running_loop().time())
                    self._changed.notify_all()
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            writer.close()
            back.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the one side ends or the other is gone."""
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        return
