"""Lanes: what one asks for is done in its order, and nobody waits for what another has asked."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

MOST: Final = 1024  # requests in progress, and their bytes; whoever brings one more waits
MOST_BYTES: Final = 16 << 20

Key = TypeVar("Key", bound=Hashable)
Request = TypeVar("Request")


class Lanes(Generic[Key, Request]):
    """Serves the requests of each lane one after the other, those of different ones side by side.

    `serve` must not raise: what fails is answered by it. One request beyond the bound of bytes is
    taken, so that the largest passes.
    """

    def __init__(
        self,
        serve: Callable[[Request], Awaitable[None]],
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._serve = serve
        self._most = most
        self._most_bytes = most_bytes
        self.on_idle: Callable[[], None] = _nothing  # called when all that was put has been served
        self._lanes: dict[Key, deque[tuple[Request, int]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_progress = 0
        self._bytes = 0
        self._fewer = asyncio.Event()

    def __contains__(self, key: Key) -> bool:
        """Tell whether something of a lane has not been served."""
        return key in self._lanes

    @property
    def busy(self) -> bool:
        """Whether something that was put has not been served."""
        return self._in_progress > 0

    async def put(self, key: Key, request: Request, size: int) -> None:
        """Have a request of so many bytes served after those of its lane; return at its place."""
        while self._in_progress >= self._most or self._bytes >= self._most_bytes:
            await self._until_served()
        self._in_progress += 1
        self._bytes += size
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append((request, size))
            return
        self._lanes[key] = deque(((request, size),))
        task = asyncio.create_task(self._run(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Return when all that was put has been served."""
        while self.busy:
            await self._until_served()

    def close(self) -> None:
        """Stop: what is in progress is cancelled, what waits is dropped. Idempotent.

        It does not wait for their ends: who closes may itself be cancelled, and has more to undo.
        """
        for task in self._tasks:
            task.cancel()

    async def _until_served(self) -> None:
        """Return when one more has been served."""
        self._fewer.clear()
        await self._fewer.wait()

    async def _run(self, key: Key) -> None:
        lane = self._lanes[key]
        try:
            while lane:
                request, size = lane.popleft()
                await self._serve(request)
                self._in_progress -= 1
                self._bytes -= size
                self._fewer.set()
                if not self._in_progress:
                    self.on_idle()
        finally:
            del self._lanes[key]


def _nothing() -> None:
    pass
