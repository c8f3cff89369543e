"""Traffic for journeys: numbered events, readers that note when each came, and what a pause was."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from tests.conformance.doors import Inbox
from tests.conformance.records import CaughtUp, Event

PACE_SECONDS: Final = 0.01
SECONDS: Final = 60.0


class Reader:
    """What one session gets, and when. Whatever is no event of the room fails it."""

    def __init__(self, name: str, inbox: Inbox) -> None:
        self.name = name
        self.numbers: list[object] = []
        self._inbox = inbox
        self._times: list[float] = []
        self._came = asyncio.Event()

    async def run(self) -> None:
        """Read until cancelled: a gap or an ending fails the test."""
        while True:
            match await self._inbox.items.get():
                case Event() as event if event.type.startswith("channel."):
                    continue
                case Event() as event:
                    self.numbers.append(event.content)
                    self._times.append(time.monotonic())
                    self._came.set()
                case CaughtUp():
                    continue
                case other:
                    raise AssertionError(f"{self.name} heard {other}")

    async def has(self, last: int) -> None:
        """Return when it has got up to a number; fail where that is not all, once, in order."""
        async with asyncio.timeout(SECONDS):
            while not self.numbers or self.numbers[-1] != last:
                self._came.clear()
                await self._came.wait()
        assert self.numbers == list(range(last + 1)), self.name

    def pause_seconds(self, since: float) -> float:
        """Return the longest time after `since` in which nothing came."""
        times = [came for came in self._times if came >= since]
        return max(later - earlier for earlier, later in itertools.pairwise(times))


@asynccontextmanager
async def reading(readers: Sequence[Reader]) -> AsyncGenerator[None]:
    """Read while the context lasts."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(reader.run()) for reader in readers]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


class Talk:
    """Numbers after `last`, published at a pace; `last` is the last that was acknowledged."""

    def __init__(self, publish: Callable[[int], Awaitable[object]], last: int) -> None:
        self.publish = publish
        self.last = last
        self._stopped = False

    async def run(self) -> None:
        """Publish one after the other; each is acknowledged before the next."""
        while not self._stopped:
            await self.publish(self.last + 1)
            self.last += 1
            await asyncio.sleep(PACE_SECONDS)

    async def more(self, number: int) -> None:
        """Return once so many more were acknowledged."""
        goal = self.last + number
        async with asyncio.timeout(SECONDS):
            while self.last < goal:  # noqa: ASYNC110 - it has a pace of its own
                await asyncio.sleep(PACE_SECONDS)

    def stop(self) -> None:
        """Publish no more."""
        self._stopped = True


@asynccontextmanager
async def talking(
    publish: Callable[[int], Awaitable[object]], last: int = -1
) -> AsyncGenerator[Talk]:
    """Publish while the context lasts; what has begun then is acknowledged."""
    talk = Talk(publish, last)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(talk.run())
        try:
            yield talk
        finally:
            talk.stop()
