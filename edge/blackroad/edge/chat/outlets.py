"""Where the answers of other protocols go: a chunked stream, or one whole response."""

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from blackroad.edge.transport import SseStream, StreamHandler, Transport

if TYPE_CHECKING:
    from starlette.responses import Response

NORMAL: Final = 1000
LOST: Final = 1006
CHUNKED: Final = ("transfer-encoding", "chunked")


class ChunkedStream(SseStream):
    """A stream whose end can be told from a loss: every client of HTTP/1.1 knows which it was.

    The others' clients take what simply stops for complete. The price is that bytes are not shared.
    """

    __slots__ = ("_chunked",)

    def __init__(self, process: Transport, handler: StreamHandler, request: Request) -> None:
        super().__init__(process, handler)
        self._chunked = request.scope.get("http_version") == "1.1"

    def write(self, data: bytes) -> None:
        """Write a chunk."""
        super().write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """End it: as complete by 1000, else as cut off."""
        if self._chunked and code == NORMAL:
            super().write(b"0\r\n\r\n")
        super().close(code, reason)

    def answer(self, stream_id: str, headers: tuple[tuple[str, str], ...] = ()) -> "Response":
        """Return what the route returns."""
        encoding = (CHUNKED,) if self._chunked else ()
        return self.response([("x-stream-id", stream_id), *headers, *encoding])


class Whole:
    """An outlet for an answer that is told when it has ended: nothing is written."""

    def __init__(self, handler: StreamHandler) -> None:
        self.closed = False
        self.ended = asyncio.Event()
        self._handler = handler

    backlogged = False
    stalled_seconds = 0.0

    def write(self, data: bytes) -> None:
        """Take what was said; its words keep it."""

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """End it. Idempotent."""
        if not self.closed:
            self.closed = True
            self.ended.set()
            self._handler.on_close(code)

    async def wait(self, request: Request) -> bool:
        """Wait for the end; False, and closed, where the client went before."""
        async with asyncio.TaskGroup() as tasks:
            going = tasks.create_task(_gone(request))
            ending = tasks.create_task(self.ended.wait())
            await asyncio.wait({going, ending}, return_when=asyncio.FIRST_COMPLETED)
            ended = self.ended.is_set()
            going.cancel()
            ending.cancel()
        self.close(LOST)
        return ended


async def _gone(request: Request) -> None:
    """Return when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
