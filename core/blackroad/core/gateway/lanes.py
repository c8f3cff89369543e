"""Lanes: what one asks for is done in its order, and nobody waits for what another has asked."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

MOST: Final = 1024  # requests in progress; whoever brings one more waits

Request = TypeVar("Request")


class Lanes(Generic[Request]):
    """Serves the requests of each number one after the other, those of different ones side by side.

    `serve` must not raise: what fails is answered by it.
    """

    def __init__(self, serve: Callable[[Request], Awaitable[None]], most: int = MOST) -> None:
        self._serve = serve
        self._most = most
        self._lanes: dict[int, deque[Request]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_progress = 0
        self._fewer = asyncio.Event()

    async def put(self, number: int, request: Request) -> None:
        """Have a request served after those of its number; return once it has its place."""
        await self._until(self._most)
        self._in_progress += 1
        lane = self._lanes.get(number)
        if lane is not None:
            lane.append(request)
            return
        self._lanes[number] = deque((request,))
        task = asyncio.create_task(self._run(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Return when all that was put has been served."""
        await self._until(1)

    async def close(self) -> None:
        """Stop: what is in progress is cancelled, what waits is dropped. Idempotent."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _until(self, fewer: int) -> None:
        while self._in_progress >= fewer:
            self._fewer.clear()
            await self._fewer.wait()

    async def _run(self, number: int) -> None:
        lane = self._lanes[number]
        try:
            while lane:
                await self._serve(lane.popleft())
                self._in_progress -= 1
                self._fewer.set()
        finally:
            del self._lanes[number]
