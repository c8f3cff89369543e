"""A process that reads all numbered events, from Redis itself or from a core, and checks them."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

import grpc

from benchmarks.harness.measure import WrongCount
from benchmarks.harness.remote import Pipe, Remote, obey, run
from benchmarks.nodes.order import STREAM, Count, Expect, Heard, Place, Way
from benchmarks.nodes.plain import Line
from blackroad.realtime.v1 import channel_pb2, common_pb2

CONNECT: Final = "/blackroad.realtime.v1.ChannelService/Connect"
OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))

Reader = Remote[Expect, Heard]
Call = grpc.aio.StreamStreamCall[bytes, bytes]


def reader(place: Place) -> AbstractAsyncContextManager[Reader]:
    """Run a reading process; it has begun when its first order, for nothing, is answered."""
    return Remote[Expect, Heard](partial(_main, place))


def _main(place: Place, pipe: Pipe) -> None:
    run(_Reader().run(place, pipe))


class _Reader:
    """Counts what comes, and answers when it is enough."""

    def __init__(self) -> None:
        self._count = Count()
        self._expected = 0
        self._begun = asyncio.Event()
        self._came = asyncio.Event()

    async def run(self, place: Place, pipe: Pipe) -> None:
        """Read until the pipe ends."""
        reading = self._read_redis if place.way is Way.REDIS else self._read_core
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(reading(place.address))
            await self._begun.wait()
            await obey(pipe, partial(self._expect, task))
            task.cancel()

    async def _expect(self, reading: asyncio.Task[None], order: Expect) -> Heard:
        self._expected += order.count
        while self._count.came < self._expected:
            self._came.clear()
            await _first(self._came.wait(), reading)
        if self._count.came > self._expected:
            raise WrongCount(f"{self._count.came} events came, of {self._expected}")
        heard, self._count.ages_ns = Heard(self._count.ages_ns), []
        return heard

    async def _read_redis(self, path: str) -> None:
        line = await Line.open(path)
        self._begun.set()
        while True:
            await line.read(self._count)
            self._came.set()

    async def _read_core(self, address: str) -> None:
        async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
            stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
                CONNECT
            )
            call = stream()
            await _follow(call)
            self._begun.set()
            while isinstance(frame := await call.read(), bytes):
                self._count.take(frame)
                self._came.set()
        raise WrongCount("the core has ended the stream")


async def _follow(call: Call) -> None:
    """Follow every room, and return when it stands."""
    hello = common_pb2.Hello(protocol_version=1)
    subscribe = channel_pb2.Subscribe(channel=f"{STREAM}.*")
    for request in (
        channel_pb2.ConnectRequest(hello=hello),
        channel_pb2.ConnectRequest(request_id="1", subscribe=subscribe),
    ):
        await call.write(request.SerializeToString())
    while isinstance(frame := await call.read(), bytes):
        if channel_pb2.ConnectResponse.FromString(frame).HasField("caught_up"):
            return
    raise WrongCount("the core has ended the stream")


async def _first(waited: Coroutine[None, None, object], reading: asyncio.Task[None]) -> None:
    """Await something, or that the reading fails, which raises here."""
    waiting = asyncio.create_task(waited)
    await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if reading.done():
        reading.result()
