"""Who asks and who serves over the real doors of a rig."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import grpc

from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2

if TYPE_CHECKING:
    from blackroad.realtime.v1.stream_pb2_grpc import StreamServiceStub as AsyncStub

TIMEOUT: Final = 10.0
BATCHES: Final = common_pb2.Hello(features=["batch"])


class Caller:
    """Reads all frames of one `Open` stream, by request."""

    def __init__(self, stub: "AsyncStub") -> None:
        self.call = stub.Open()
        self.frames: list[stream_pb2.OpenResponse] = []
        self.taken: dict[str, int] = {}
        self.done = False
        self.batches = 0
        self._by_request: dict[str, list[stream_pb2.OpenResponse]] = {}
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read())
            try:
                yield
            finally:
                self.call.cancel()
                reading.cancel()

    async def start(
        self, request_id: str, target: str = "ECHO", text: str = "hi", **more: object
    ) -> None:
        invoke = stream_pb2.Invoke(target=stream_pb2.Target(agent=target), text=text, **more)  # type: ignore[arg-type]  # fields by name
        await self.call.write(stream_pb2.OpenRequest(request_id=request_id, start=invoke))

    async def invoke(self, request_id: str, invoke: stream_pb2.Invoke) -> None:
        await self.call.write(stream_pb2.OpenRequest(request_id=request_id, start=invoke))

    async def join(self, request_id: str, stream_id: str, cursor: str = "") -> None:
        join = stream_pb2.JoinAnswer(stream_id=stream_id, cursor=cursor)
        await self.call.write(stream_pb2.OpenRequest(request_id=request_id, join=join))

    async def cancel(self, stream_id: str, request_id: str = "cancel") -> None:
        cancel = stream_pb2.CancelAnswer(stream_id=stream_id)
        await self.call.write(stream_pb2.OpenRequest(request_id=request_id, cancel=cancel))

    async def next(self, request_id: str, kind: str = "") -> stream_pb2.OpenResponse:
        """Return the request's next frame (of a kind: the frames before it are skipped)."""
        while True:
            frame = await self._next(request_id)
            if not kind or frame.WhichOneof("frame") == kind:
                return frame

    async def ending(self, request_id: str) -> stream_pb2.OpenResponse:
        """Return the request's ending."""
        while True:
            frame = await self._next(request_id)
            if frame.WhichOneof("frame") in ("finished", "failed", "cancelled"):
                return frame

    async def over(self) -> None:
        """Return when the stream has ended."""
        async with asyncio.timeout(TIMEOUT), self._changed:
            await self._changed.wait_for(lambda: self.done)

    async def many(self, request_id: str, frames: int) -> None:
        """Return when a request has more than so many frames."""
        await until(lambda: len(self.of(request_id)) > frames)

    def of(self, request_id: str) -> list[stream_pb2.OpenResponse]:
        """Return all frames of a request so far."""
        return self._by_request.get(request_id, [])

    def kinds(self, request_id: str) -> list[str]:
        """Return the kinds of all frames of a request so far."""
        return [str(frame.WhichOneof("frame")) for frame in self.of(request_id)]

    def text(self, request_id: str) -> str:
        """Return the text of a request so far: the last snapshot's, and what came since."""
        text = ""
        for frame in self.of(request_id):
            if frame.HasField("snapshot"):
                text = "".join(part.text for part in frame.snapshot.parts)
            text += "".join(event.answer.text_delta for event in frame.delivery.events)
        return text

    async def _next(self, request_id: str) -> stream_pb2.OpenResponse:
        taken = self.taken.get(request_id, 0)
        async with asyncio.timeout(TIMEOUT), self._changed:
            await self._changed.wait_for(lambda: len(self.of(request_id)) > taken or self.done)
        frames = self.of(request_id)
        assert len(frames) > taken, f"the stream ended: {[str(f) for f in self.frames[-3:]]}"
        self.taken[request_id] = taken + 1
        return frames[taken]

    async def _read(self) -> None:
        while True:
            try:
                frame = await self.call.read()
            except grpc.aio.AioRpcError:
                frame = grpc.aio.EOF
            async with self._changed:
                if isinstance(frame, stream_pb2.OpenResponse):
                    self.batches += frame.HasField("batch")
                    fresh = list(frame.batch.frames) if frame.HasField("batch") else [frame]
                    self.frames += fresh
                    for one in fresh:
                        self._by_request.setdefault(one.request_id, []).append(one)
                else:
                    self.done = True
                self._changed.notify_all()
            if self.done:
                return


class Worker:
    """One `Serve` stream. What comes is queued by kind."""

    def __init__(self, stub: "AsyncStub") -> None:
        self.call = stub.Serve()
        self.frames: asyncio.Queue[stream_pb2.ServeResponse] = asyncio.Queue()
        self.held: list[stream_pb2.ServeResponse] = []
        self.done = asyncio.Event()

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[None]:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read())
            try:
                yield
            finally:
                self.call.cancel()
                reading.cancel()

    async def send(self, about: stream_pb2.ServeResponse | None = None, **frame: object) -> None:
        """Send a frame, about an invocation where one is given."""
        request = stream_pb2.ServeRequest(**frame)  # type: ignore[arg-type]  # one arm by its name
        if about is not None:
            request.stream_id, request.attempt = about.stream_id, about.attempt
        await self.call.write(request)

    async def say(self, about: stream_pb2.ServeResponse, *words: str, first: int = 1) -> None:
        """Send words as chunks."""
        for index, word in enumerate(words, first):
            await self.send(about, chunk=stream_pb2.Chunk(index=index, text=word))

    async def finish(self, about: stream_pb2.ServeResponse, output_tokens: int = 0) -> None:
        usage = event_pb2.Usage(output_tokens=output_tokens)
        await self.send(about, finish=stream_pb2.FinishInvocation(usage=usage))

    async def next(self, kind: str = "invocation") -> stream_pb2.ServeResponse:
        """Return the next frame of a kind; others are kept for later."""
        for number, frame in enumerate(self.held):
            if frame.WhichOneof("frame") == kind:
                return self.held.pop(number)
        async with asyncio.timeout(TIMEOUT):
            while True:
                frame = await self.frames.get()
                if frame.WhichOneof("frame") == kind:
                    return frame
                self.held.append(frame)

    async def echo(self) -> None:
        """Answer every invocation by its last text, until cancelled."""
        while True:
            work = await self.frames.get()
            if work.HasField("invocation"):
                await self.say(work, work.invocation.messages[-1].parts[0].text)
                await self.finish(work, 1)

    async def _read(self) -> None:
        while True:
            try:
                frame = await self.call.read()
            except grpc.aio.AioRpcError:
                break
            if not isinstance(frame, stream_pb2.ServeResponse):
                break
            for one in frame.batch.frames if frame.HasField("batch") else [frame]:
                self.frames.put_nowait(one)
        self.done.set()


def agent(name: str = "ECHO", max_concurrency: int = 1, **more: object) -> stream_pb2.Register:
    """Return the registration of an agent."""
    return stream_pb2.Register(agent=name, max_concurrency=max_concurrency, **more)  # type: ignore[arg-type]  # fields by name


async def until(holds: Callable[[], bool]) -> None:
    """Return when a condition holds; look after every turn of the loop."""
    async with asyncio.timeout(TIMEOUT):
        while not holds():  # noqa: ASYNC110 (what is waited for is the server's affair)
            await asyncio.sleep(0.005)
