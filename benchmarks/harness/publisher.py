"""An agent that publishes by the SDK, paced or as fast as the readers take it."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.harness.remote import Pipe, Remote, obey, run
from blackroad.client import Client, JSONValue

WINDOW: Final = 2048
TEXT: Final = "x" * 64


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish the next `count` events to a room.

    `flight` publishes are under way at a time, each of `batch` events; or, with `pace_seconds`, one
    event each so many seconds.
    """

    room: str
    count: int
    flight: int = 256
    batch: int = 1
    pace_seconds: float = 0.0


Publisher = Remote[Publish, int]


def publisher(address: str, progress: Pipe | None) -> AbstractAsyncContextManager[Publisher]:
    """Run a publishing process; it keeps a window of events ahead of the slowest reader."""
    return Remote[Publish, int](partial(_main, address, progress))


class Window:
    """Lets at most 2,048 events be under way: 'as fast as the system takes it', without a backlog.

    By nothing that peers lack: who publishes hears how far the slowest reader has come.
    """

    def __init__(self, progress: Pipe | None) -> None:
        self._progress = progress
        self._done = 0
        self._moved = asyncio.Event()
        if progress is not None:
            asyncio.get_running_loop().add_reader(progress.fileno(), self._hear, progress)

    def _hear(self, progress: Pipe) -> None:
        try:
            while progress.poll():
                self._done = int.from_bytes(progress.recv_bytes(), "big")
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(progress.fileno())
        self._moved.set()

    async def room_for(self, last: int) -> None:
        """Return when the event with this number may be published."""
        while self._progress is not None and last > self._done + WINDOW:
            self._moved.clear()
            await self._moved.wait()


def body(number: int) -> JSONValue:
    """Return the content of an event: its number, when it was published, and some text."""
    return {"n": number, "t": time.monotonic_ns(), "text": TEXT}


Send = Callable[[int, int], Awaitable[None]]


async def publish_all(order: Publish, first: int, window: Window, send: Send) -> int:
    """Send `order.count` events from a number on by `send(first, count)`; return the last."""
    last = first + order.count - 1
    if order.pace_seconds:
        due = asyncio.get_running_loop().time()
        for number in range(first, last + 1):
            due += order.pace_seconds
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await send(number, 1)
        return last
    starts = itertools.count(first, order.batch)
    turn = asyncio.Lock()  # or who comes when the window has just moved goes before who waited

    async def lane() -> None:
        while True:
            async with turn:
                start = next(starts)
                count = min(order.batch, last + 1 - start)
                if count <= 0:
                    return
                await window.room_for(start + count - 1)
            await send(start, count)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(order.flight):
            lanes.create_task(lane())
    return last


def _main(address: str, progress: Pipe | None, pipe: Pipe) -> None:
    run(_publish(address, progress, pipe))


async def _publish(address: str, progress: Pipe | None, pipe: Pipe) -> None:
    window = Window(progress)
    came: dict[str, int] = {}
    async with Client(f"grpc://{address}") as client:

        async def do(order: Publish) -> int:
            async def send(first: int, count: int) -> None:
                if count == 1:
                    await client.publish(order.room, body(first))
                else:
                    await client.publish_all(order.room, [body(first + n) for n in range(count)])

            first = came.get(order.room, 0) + 1
            last = came[order.room] = await publish_all(order, first, window, send)
            return last

        await obey(pipe, do)
