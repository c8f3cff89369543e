"""One bidirectional stream of a session: read in one task, written in another, ended in one way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Generic, Protocol, TypeVar

from blackroad.core.errors import Code, CodedError, Ending, Rejection

Request_contra = TypeVar("Request_contra", contravariant=True)
Frame = TypeVar("Frame")

STALL_SECONDS = 30.0
CLOSING_SECONDS = 5.0


class Writer(Protocol):
    """The part of a servicer's context that writes."""

    def write(self, message: bytes) -> Awaitable[None]:
        """Write a serialized frame; return when the transport has taken it."""
        ...


class Queue(Protocol):
    """What waits to be written (`Outbox`)."""

    def put(self, frame: bytes) -> None:
        """Queue a frame."""
        ...

    def close(self) -> None:
        """Let `take` end once all is taken."""
        ...

    async def room(self) -> None:
        """Return when there is room for answers to requests."""
        ...

    async def take(self) -> bytes | None:
        """Return all that is queued as one frame; None when closed and empty."""
        ...

    def forget(self) -> None:
        """Hold nothing any more. Idempotent."""
        ...


class Handler(Protocol[Request_contra]):
    """What a service does with its stream."""

    async def handle(self, request: Request_contra) -> None:
        """Serve one frame of the client. A `Rejection` fails the frame.

        An `Ending` ends the session.
        """
        ...

    def reject(self, request: Request_contra, rejection: Rejection) -> None:
        """Queue the answer to a frame that failed; an `Ending` ends the session."""
        ...

    def closing(self, ending: CodedError | None) -> bytes:
        """Return the last frame."""
        ...


class Duplex(Generic[Frame]):
    """Runs a stream until its client leaves or is lost, or `end` is called.

    The end of the requests (half-close) ends nothing by itself: what the client is owed is still
    written.
    """

    def __init__(self, outbox: Queue, writer: Writer, handler: Handler[Frame]) -> None:
        self._outbox = outbox
        self._writer = writer
        self._handler = handler
        self._ended = asyncio.Event()
        self._stalled = False
        self._write_began: float | None = None  # of the frame that the transport has not taken yet
        self._watch: asyncio.TimerHandle | None = None
        self._ending: Ending | None = None
        self.on_half_close: Callable[[], None] = lambda: None
        self.on_written: Callable[[], None] = lambda: None

    def end(self, ending: Ending | None = None) -> None:
        """Write what is queued and a closing frame, then end the stream: OK without an ending.

        Idempotent; never blocks.
        """
        if not self._ended.is_set():
            self._ending = ending
            self._ended.set()

    async def run(
        self, requests: AsyncIterator[Frame], *others: Coroutine[object, object, None]
    ) -> None:
        """Serve the stream, with other tasks beside it that end with it.

        Raises the `Ending`, if there was one.
        """
        try:
            await self._run(requests, *others)
        finally:
            self._outbox.forget()

    async def _run(
        self, requests: AsyncIterator[Frame], *others: Coroutine[object, object, None]
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write())
            running = [tasks.create_task(self._read(requests))]
            running += [tasks.create_task(other) for other in others]
            await self._ended.wait()
            self._outbox.put(self._handler.closing(self._ending))
            self._outbox.close()
            await asyncio.wait([writing], timeout=0 if self._stalled else CLOSING_SECONDS)
            for task in (writing, *running):
                task.cancel()
        if self._ending is not None:
            raise self._ending

    async def _read(self, requests: AsyncIterator[Frame]) -> None:
        async for request in requests:
            try:
                await self._serve(request)
            except Ending as ending:
                self.end(ending)
                return
            await self._outbox.room()
        self.on_half_close()

    async def _serve(self, request: Frame) -> None:
        try:
            await self._handler.handle(request)
        except Rejection as rejection:
            self._handler.reject(request, rejection)

    async def _write(self) -> None:
        now = asyncio.get_running_loop().time
        try:
            while (frame := await self._outbox.take()) is not None:
                self._write_began = now()
                if self._watch is None:
                    self._look_in(STALL_SECONDS)
                await self._writer.write(frame)
                self._write_began = None
                self.on_written()
        finally:
            if self._watch is not None:
                self._watch.cancel()

    def _look_in(self, seconds: float) -> None:
        self._watch = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """End the session of a client that reads no more.

        One timer in so many seconds, not one for each frame: setting one costs as much as framing.
        """
        self._watch = None
        if self._write_began is None:
            return
        left = self._write_began + STALL_SECONDS - asyncio.get_running_loop().time()
        if left > 0:
            self._look_in(left)
        else:
            self._stalled = True
            self.end(Ending(Code.SLOW_CONSUMER))
