"""A relay over grpc.aio, a frame for each message, that keeps nothing: what most people write."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Final

import grpc

from benchmarks.calls.order import PROMPT, Ask, Asked
from benchmarks.harness.measure import WrongCount
from benchmarks.harness.remote import Pipe, obey, obey_beside, run

SERVICE: Final = "bench.Relay"
Stream = grpc.aio.StreamStreamCall[bytes, bytes]


def serve(pipe: Pipe) -> None:
    """Be the relay; the first order is answered by its port."""
    run(_serve(pipe))


def work(address: str, pipe: Pipe) -> None:
    """Be the worker: answer each message by itself."""
    run(_work(address, pipe))


def call(address: str, pipe: Pipe) -> None:
    """Be the caller."""
    run(_call(address, pipe))


class _Relay:
    """Hands what callers write to the worker, and what it answers back to them."""

    def __init__(self) -> None:
        self._asked: asyncio.Queue[bytes] = asyncio.Queue()
        self._answered: asyncio.Queue[bytes] = asyncio.Queue()

    async def open(self, requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
        async for message in _both(requests, self._asked, self._answered):
            yield message

    async def serve(self, requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
        async for message in _both(requests, self._answered, self._asked):
            yield message


async def _both(
    requests: AsyncIterator[bytes], into: asyncio.Queue[bytes], out: asyncio.Queue[bytes]
) -> AsyncIterator[bytes]:
    async def read() -> None:
        async for message in requests:
            into.put_nowait(message)

    reading = asyncio.create_task(read())
    try:
        while True:
            yield await out.get()
    finally:
        reading.cancel()


async def _serve(pipe: Pipe) -> None:
    relay = _Relay()
    server = grpc.aio.server()
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Open": grpc.stream_stream_rpc_method_handler(relay.open),
        "Serve": grpc.stream_stream_rpc_method_handler(relay.serve),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def tell(_: Ask) -> int:
        return port

    await obey(pipe, tell)
    await server.stop(None)


async def _work(address: str, pipe: Pipe) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stream = _stream(channel, "Serve")

        async def answer() -> None:
            while isinstance(message := await stream.read(), bytes):
                await stream.write(message)

        async def ready(_: Ask) -> Asked:
            return Asked([])

        await obey_beside(answer(), pipe, ready)


async def _call(address: str, pipe: Pipe) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stream = _stream(channel, "Open")
        numbers = itertools.count()
        began: dict[bytes, float] = {}

        async def start() -> None:
            message = f"{next(numbers)} {PROMPT}".encode()
            began[message] = time.perf_counter()
            await stream.write(message)

        async def do(order: Ask) -> Asked:
            took: list[float] = []
            for _ in range(min(order.flight, order.calls)):
                await start()
            while len(took) < order.calls:
                message = await stream.read()
                if not isinstance(message, bytes):
                    raise WrongCount("the stream has ended")
                took.append(time.perf_counter() - began.pop(message))
                if len(took) + len(began) < order.calls:
                    await start()
            return Asked(took)

        await obey(pipe, do)


def _stream(channel: grpc.aio.Channel, method: str) -> Stream:
    method_of: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
        f"/{SERVICE}/{method}"
    )
    return method_of()
