"""A call of a bidirectional stream over a WebSocket: read, write and cancel as gRPC has them."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from google.protobuf.message import Message

from blackroad.client.errors import Ended, Unavailable
from blackroad.client.web.said import ENCODER
from blackroad.client.web.socket import Socket
from blackroad.client.web.talk import Talk
from blackroad.client.web.told import TOLD

log = logging.getLogger("blackroad.client")

# What may wait for a reader; then the socket is read no more, and its server holds back.
MAX_BYTES = 1 << 20


class WebCall:
    """One stream. It connects when it is made, and reads on so that pings are answered.

    `read` gives None at the end, raises Ended where there never was a connection, and, as gRPC
    does, CancelledError once the call was cancelled.
    """

    def __init__(self, connect: Callable[[], Awaitable[Socket]], talk: Talk) -> None:
        self._talk = talk
        self._responses: deque[tuple[Message, int]] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._space = asyncio.Event()
        self._cancelled = False
        self._opening = asyncio.ensure_future(connect())
        self._pumping = asyncio.create_task(self._pump(), name="blackroad socket")

    async def read(self) -> Message | None:
        """Return the next response."""
        while not self._responses:
            if self._cancelled:
                raise asyncio.CancelledError
            if self._pumping.done():
                self._raise_why()
                return None
            self._changed.clear()
            self._space.set()
            await self._changed.wait()
        response, size = self._responses.popleft()
        self._bytes -= size
        if self._bytes <= MAX_BYTES:
            self._space.set()
        return response

    def _raise_why(self) -> None:
        if self._opening.cancelled():
            raise asyncio.CancelledError
        error = self._opening.exception()
        if error is not None:
            raise error

    async def write(self, request: bytes) -> None:
        """Send a request."""
        if self._cancelled:
            raise asyncio.CancelledError
        socket = await asyncio.shield(self._opening)
        try:
            for frame in self._talk.say(request):
                if isinstance(frame, Message):
                    self._put(frame, 0)
                else:
                    await socket.send(ENCODER.encode(frame).decode())
        except OSError as error:
            raise Unavailable("unavailable", "the connection is lost", retryable=True) from error

    def cancel(self) -> bool:
        """End it at once; whether it had not ended before."""
        if self._cancelled:
            return False
        self._cancelled = True
        self._opening.cancel()
        self._pumping.cancel()
        if self._opening.done() and not self._opening.cancelled() and not self._opening.exception():
            self._opening.result().abort()
        self._changed.set()
        return True

    async def wait_closed(self) -> None:
        """Return when nothing of it runs any more."""
        await asyncio.wait([self._pumping])

    async def _pump(self) -> None:
        try:
            socket = await self._opening
            while (text := await socket.receive()) is not None:
                document = text.encode()
                for response in self._talk.hear(TOLD.decode(document), document):
                    self._put(response, len(document))
                while self._bytes > MAX_BYTES:
                    self._space.clear()
                    await self._space.wait()
        except Ended:
            return  # `read` raises it
        except msgspec.MsgspecError as error:
            log.warning("what an edge said is not understood: %s", error)
            self._opening.result().abort()
        finally:
            self._changed.set()

    def _put(self, response: Message, size: int) -> None:
        self._responses.append((response, size))
        self._bytes += size
        self._changed.set()
