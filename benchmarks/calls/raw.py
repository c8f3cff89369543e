"""Request and reply over one Open and one Serve stream, with the generated stubs and no more."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import grpc

from benchmarks.calls.order import AGENT, CONCURRENCY, PROMPT, Ask, Asked
from benchmarks.harness.measure import WrongCount
from benchmarks.harness.remote import Pipe, obey, obey_beside, run
from blackroad.realtime.v1 import common_pb2, stream_pb2, stream_pb2_grpc

HELLO: Final = common_pb2.Hello(features=["batch"])


def work(address: str, pipe: Pipe) -> None:
    """Be the worker: answer each invocation by its own text, in one chunk."""
    run(_work(address, pipe))


def call(address: str, pipe: Pipe) -> None:
    """Be the caller."""
    run(_call(address, pipe))


class _Worker:
    """Turns frames into replies; all replies to one frame go out as one."""

    def __init__(self) -> None:
        self.registered = asyncio.Event()

    def replies(self, frame: stream_pb2.ServeResponse) -> list[stream_pb2.ServeRequest]:
        replies: list[stream_pb2.ServeRequest] = []
        for each in frame.batch.frames if frame.HasField("batch") else [frame]:
            match each.WhichOneof("frame"):
                case "invocation":
                    replies += _reply(each)
                case "registered":
                    self.registered.set()
                case _:
                    pass
        return replies


def _reply(frame: stream_pb2.ServeResponse) -> list[stream_pb2.ServeRequest]:
    text = frame.invocation.messages[-1].parts[0].text
    chunk = stream_pb2.Chunk(index=1, text=text)
    finish = stream_pb2.FinishInvocation()
    return [
        stream_pb2.ServeRequest(stream_id=frame.stream_id, attempt=frame.attempt, chunk=chunk),
        stream_pb2.ServeRequest(stream_id=frame.stream_id, attempt=frame.attempt, finish=finish),
    ]


async def _work(address: str, pipe: Pipe) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        serve = stream_pb2_grpc.StreamServiceStub(channel).Serve()
        register = stream_pb2.Register(agent=AGENT, max_concurrency=CONCURRENCY)
        await serve.write(stream_pb2.ServeRequest(hello=HELLO))
        await serve.write(stream_pb2.ServeRequest(register=register))
        worker = _Worker()

        async def answer() -> None:
            while isinstance(frame := await serve.read(), stream_pb2.ServeResponse):
                if replies := worker.replies(frame):
                    batch = stream_pb2.ServeRequestBatch(frames=replies)
                    await serve.write(stream_pb2.ServeRequest(batch=batch))

        async def ready(_: Ask) -> Asked:
            await worker.registered.wait()
            return Asked([])

        await obey_beside(answer(), pipe, ready)


class _Caller:
    """Keeps so many calls in flight, and checks every reply."""

    def __init__(self, write: Callable[[stream_pb2.OpenRequest], Awaitable[None]]) -> None:
        self._write = write
        self._number = 0
        self._began: dict[str, float] = {}
        self._texts: dict[str, str] = {}

    async def ask(
        self, order: Ask, read: Callable[[], Awaitable[stream_pb2.OpenResponse]]
    ) -> Asked:
        took: list[float] = []
        left = order.calls - order.flight
        await self._start(order.flight)
        while len(took) < order.calls:
            ended = self._take(await read())
            took += ended
            more = min(left, len(ended))
            left -= more
            if more:
                await self._start(more)
        return Asked(took)

    async def _start(self, count: int) -> None:
        frames: list[stream_pb2.OpenRequest] = []
        for _ in range(count):
            self._number += 1
            request_id = str(self._number)
            self._began[request_id] = time.perf_counter()
            invoke = stream_pb2.Invoke(target=stream_pb2.Target(agent=AGENT), text=PROMPT)
            frames.append(stream_pb2.OpenRequest(request_id=request_id, start=invoke))
        batch = stream_pb2.OpenRequestBatch(frames=frames)
        await self._write(stream_pb2.OpenRequest(batch=batch))

    def _take(self, frame: stream_pb2.OpenResponse) -> list[float]:
        """Return how long each call took that this frame ends."""
        ended: list[float] = []
        for each in frame.batch.frames if frame.HasField("batch") else [frame]:
            match each.WhichOneof("frame"):
                case "delivery":
                    for event in each.delivery.events:
                        text = self._texts.get(each.request_id, "")
                        self._texts[each.request_id] = text + event.answer.text_delta
                case "finished":
                    if self._texts.pop(each.request_id, "") != PROMPT:
                        raise WrongCount(f"a reply without its text: {each}")
                    ended.append(time.perf_counter() - self._began.pop(each.request_id))
                case "started" | "welcome":
                    pass
                case kind:
                    raise WrongCount(f"{kind}: {each}")
        return ended


async def _call(address: str, pipe: Pipe) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stream = stream_pb2_grpc.StreamServiceStub(channel).Open()
        await stream.write(stream_pb2.OpenRequest(hello=HELLO))
        caller = _Caller(stream.write)

        async def read() -> stream_pb2.OpenResponse:
            frame = await stream.read()
            if not isinstance(frame, stream_pb2.OpenResponse):
                raise WrongCount("the stream has ended")
            return frame

        async def do(order: Ask) -> Asked:
            return await caller.ask(order, read)

        await obey(pipe, do)
