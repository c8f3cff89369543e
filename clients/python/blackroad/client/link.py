"""One bidirectional stream that is kept: opened anew, after a wait, whenever it is lost."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from blackroad.client.backoff import Backoff
from blackroad.client.codes import from_closing, from_status
from blackroad.client.dial import Dial, Rpc, Stream
from blackroad.client.errors import Ended, RealtimeError, Unavailable
from blackroad.client.outbox import Outbox
from blackroad.client.pause import Pause
from blackroad.realtime.v1 import common_pb2

Response = TypeVar("Response", bound=Message)
Response_contra = TypeVar("Response_contra", bound=Message, contravariant=True)

# A server that takes the connection and then says nothing counts as lost after this.
WELCOME_SECONDS: Final = 10.0

log = logging.getLogger("blackroad.client")


class Peer(Protocol[Response_contra]):
    """Who owns a link and knows what its frames mean."""

    def received(self, frame: Response_contra) -> None:
        """Take one frame, at once; batches too. Hands `welcome` and `closing` to the link."""
        ...

    def opened(self) -> None:
        """Queue what a new stream must begin with; called before anything is written on it."""
        ...

    def lost(self, error: RealtimeError) -> None:
        """Know that the stream is gone, and that a new one will be tried."""
        ...


class Link(Generic[Response]):
    """Reads in one task and writes in another, until `close`, or until trying again cannot help.

    Nothing is written before the server's Welcome, so that frames that are still in the outbox have
    certainly not been read by anybody.
    """

    def __init__(
        self,
        dial: Dial,
        rpc: Rpc[Response],
        peer: Peer[Response],
        outbox: Outbox,
        backoff: Backoff | None = None,
    ) -> None:
        self._dial = dial
        self._rpc = rpc
        self._peer = peer
        self._outbox = outbox
        self._pause = Pause(dial, backoff)
        self._call: Stream | None = None
        self._welcomed: asyncio.Future[None] | None = None
        self._closing: RealtimeError | None = None
        self._retry_after: float | None = None
        self._turn = 0
        self._leaving = False
        self._hung_up = asyncio.Event()
        self._writing = asyncio.Lock()
        self.standing = False

    async def run(self) -> RealtimeError | None:
        """Keep the stream; return why it is over for good, or None where this side ended it."""
        while True:
            error = await self._session()
            if self._hung_up.is_set() or (self._leaving and not (error and len(self._outbox))):
                return None
            error = error or Unavailable("unavailable", "the core ended the stream")
            if self._dial.is_final(error):
                return error
            self._peer.lost(error)
            self._tell(error)
            if await self._rested(error.retry_after_seconds or self._retry_after):
                return None

    def leave(self) -> None:
        """Let the stream end: its next end is the last one, unless something is unwritten."""
        self._leaving = True

    def hang_up(self) -> None:
        """End the stream at once and for good. Idempotent."""
        self._hung_up.set()
        if self._call is not None:
            self._call.cancel()

    def _tell(self, error: RealtimeError) -> None:
        text = f"{self._rpc.name} on {self._dial.target}: {error}; trying again"
        if self._dial.is_news(text):
            level = logging.INFO if error.code == "draining" else logging.WARNING
            log.log(level, "%s", text)

    async def _rested(self, retry_after_seconds: float | None) -> bool:
        """Wait for the next attempt; return whether it was hung up meanwhile."""
        self._retry_after = None
        resting = asyncio.create_task(self._pause.rest(self._turn, retry_after_seconds))
        hung_up = asyncio.create_task(self._hung_up.wait())
        try:
            await asyncio.wait({resting, hung_up}, return_when=asyncio.FIRST_COMPLETED)
            if resting.done():
                resting.result()
        finally:
            resting.cancel()
            hung_up.cancel()
            await asyncio.wait({resting, hung_up})
        return self._hung_up.is_set()

    def welcomed(self, _: common_pb2.Welcome) -> None:
        """Take the server's first frame: the stream stands."""
        if self._welcomed is None or self._welcomed.done():
            return
        self.standing = True
        self._pause.worked()
        self._peer.opened()
        self._welcomed.set_result(None)

    async def show(self, token: str) -> None:
        """Show a fresh token on the stream that stands."""
        async with self._writing:
            if self._call is not None and self.standing:
                await self._call.write(self._rpc.refresh(token))

    def closing(self, closing: common_pb2.Closing) -> None:
        """Take the server's last frame, which says why it ends, and when to come back."""
        self._closing = from_closing(closing) if closing.code else None
        self.retry_after(closing.retry_after.ToTimedelta().total_seconds())

    def retry_after(self, seconds: float) -> None:
        """Remember when the server wants to be tried again, if it said so."""
        if seconds > 0:
            self._retry_after = seconds

    async def _session(self) -> RealtimeError | None:
        """Open one stream and stay to its end; return why it ended."""
        loop = asyncio.get_running_loop()
        try:
            await self._dial.identify()
        except Ended as error:
            return error
        if self._hung_up.is_set():
            return None
        self._turn = self._dial.turn
        call = self._call = self._dial.open(self._rpc)
        self._dial.keep(self)
        self._welcomed, self._closing = loop.create_future(), None
        deadline = loop.call_later(WELCOME_SECONDS, self._give_up, call, self._welcomed)
        writer = asyncio.create_task(self._write(call, self._welcomed), name=self._rpc.name)
        try:
            return await self._read(call)
        finally:
            self.standing = False
            self._call = None
            deadline.cancel()
            call.cancel()
            writer.cancel()
            await asyncio.wait([writer])

    @staticmethod
    def _give_up(call: Stream, welcomed: "asyncio.Future[None]") -> None:
        if not welcomed.done():
            call.cancel()

    async def _read(self, call: Stream) -> RealtimeError | None:
        received: Callable[[Response], None] = self._peer.received
        try:
            while True:
                frame = await call.read()
                if isinstance(frame, self._rpc.kind):
                    received(frame)
                else:
                    return self._closing
        except grpc.aio.AioRpcError as error:
            return self._closing or from_status(error)
        except Ended as error:
            return self._closing or error
        except asyncio.CancelledError:
            # The call was cancelled (by `hang_up`, or for want of a Welcome), or this task was.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return Unavailable("unavailable", "no answer from the core", retryable=True)

    async def _write(
        self,
        call: Stream,
        welcomed: "asyncio.Future[None]",
    ) -> None:
        """Write the first frame, then all that is queued, as few frames as can be."""
        outbox, batch = self._outbox, self._rpc.batch
        try:
            await call.write(self._rpc.hello)
            await welcomed
            while True:
                frames = await outbox.take()
                async with self._writing:
                    if batch is None or len(frames) == 1:
                        for frame in frames:
                            await call.write(frame)
                    else:
                        await call.write(batch(frames))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, Ended):
            # The call is over; its reader tells why.
            return
