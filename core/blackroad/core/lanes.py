"""Lanes: what one asks for is done in its order, and nobody waits for what another has asked."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

MOST: Final = 1024  # requests in progress; whoever brings one more waits

Key = TypeVar("Key", bound=Hashable)
Request = TypeVar("Request")


class Lanes(Generic[Key, Request]):
    """Serves the requests of each lane one after the other, those of different ones side by side.

    `serve` must not raise: what fails is answered by it.
    """

    def __init__(self, serve: Callable[[Request], Awaitable[None]], most: int = MOST) -> None:
        self._serve = serve
        self._most = most
        self.on_idle: Callable[[], None] = _nothing  # called when all that was put has been served
        self._lanes: dict[Key, deque[Request]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_progress = 0
        self._fewer = asyncio.Event()

    def __contains__(self, key: Key) -> bool:
        """Tell whether something of a lane has not been served."""
        return key in self._lanes

    @property
    def busy(self) -> bool:
        """Whether something that was put has not been served."""
        return self._in_progress > 0

    async def put(self, key: Key, request: Request) -> None:
        """Have a request served after those of its lane; return once it has its place."""
        await self._until(self._most)
        self._in_progress += 1
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(request)
            return
        self._lanes[key] = deque((request,))
        task = asyncio.create_task(self._run(key))
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

    async def _run(self, key: Key) -> None:
        lane = self._lanes[key]
        try:
            while lane:
                await self._serve(lane.popleft())
                self._in_progress -= 1
                self._fewer.set()
                if not self._in_progress:
                    self.on_idle()
        finally:
            del self._lanes[key]


def _nothing() -> None:
    pass
