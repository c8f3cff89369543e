"""A process that writes numbered events, by Redis itself or by publishing to a core."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from functools import partial

import msgspec

from benchmarks.harness.remote import Pipe, Remote, obey, run
from benchmarks.nodes.order import ROOMS, STREAM, Numbered, Place, Way, Write
from benchmarks.nodes.plain import Line
from blackroad.client import Client

Writer = Remote[Write, int]
Send = Callable[[int, list[Numbered]], Awaitable[None]]


def writer(place: Place) -> AbstractAsyncContextManager[Writer]:
    """Run a writing process."""
    return Remote[Write, int](partial(_main, place))


class _Rooms:
    """Numbers each room's events; what a room gets comes to the server in that order."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._numbers = [0] * ROOMS
        self._turns = [asyncio.Lock() for _ in range(ROOMS)]

    async def write(self, room: int, count: int) -> None:
        """Write the next events of a room."""
        async with self._turns[room]:
            first = self._numbers[room] + 1
            self._numbers[room] += count
            numbers = range(first, first + count)
            await self._send(room, [Numbered(room, n, time.monotonic_ns()) for n in numbers])


async def _write_all(rooms: _Rooms, order: Write) -> int:
    if order.pace_seconds:
        due = asyncio.get_running_loop().time()
        for number in range(order.count):
            due += order.pace_seconds
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await rooms.write(number % ROOMS, 1)
        return order.count
    starts = itertools.count(0, order.batch)

    async def lane() -> None:
        while (start := next(starts)) < order.count:
            count = min(order.batch, order.count - start)
            await rooms.write(start // order.batch % ROOMS, count)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(order.flight):
            lanes.create_task(lane())
    return order.count


def _main(place: Place, pipe: Pipe) -> None:
    run(_write(place, pipe))


async def _write(place: Place, pipe: Pipe) -> None:
    if place.way is Way.REDIS:
        line = await Line.open(place.address)
        turn = asyncio.Lock()  # one connection: who writes reads the replies

        async def add(_: int, events: list[Numbered]) -> None:
            async with turn:
                await line.add([msgspec.json.encode(event) for event in events])

        await _serve(_Rooms(add), pipe)
        line.close()
        return
    async with Client(f"grpc://{place.address}") as client:

        async def publish(room: int, events: list[Numbered]) -> None:
            await client.publish_all(f"{STREAM}.{room}", [asdict(event) for event in events])

        await _serve(_Rooms(publish), pipe)


async def _serve(rooms: _Rooms, pipe: Pipe) -> None:
    await obey(pipe, partial(_write_all, rooms))
