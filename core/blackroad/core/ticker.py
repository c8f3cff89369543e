"""One timer for everything in a process that happens every so often."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from random import random


class Ticker:
    """Calls functions at intervals, each begun at a random point of its first interval.

    So that they spread.
    """

    def __init__(self) -> None:
        self._due: list[tuple[float, int, _Repeat]] = []
        self._tickets = 0
        self._ended = 0
        self._sooner = asyncio.Event()

    @contextmanager
    def every(self, seconds: float, call: Callable[[], None]) -> Generator[None]:
        """Call a function every so many seconds while the context lasts."""
        repeat = _Repeat(seconds, call)
        self._push(asyncio.get_running_loop().time() + seconds * _spread(), repeat)
        try:
            yield
        finally:
            repeat.ended = True
            self._ended += 1
            self._tidy()

    async def run(self) -> None:
        """Call what is due until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            wait = self._due[0][0] - loop.time() if self._due else None
            if wait is None or wait > 0:
                self._sooner.clear()
                try:
                    async with asyncio.timeout(wait):
                        await self._sooner.wait()
                except TimeoutError:
                    pass
                continue
            due, _, repeat = heappop(self._due)
            if not repeat.ended:
                repeat.call()
                self._push(due + repeat.seconds, repeat)

    def _push(self, due: float, repeat: "_Repeat") -> None:
        self._tickets += 1
        heappush(self._due, (due, self._tickets, repeat))
        if self._due[0][2] is repeat:
            self._sooner.set()

    def _tidy(self) -> None:
        """Drop what has ended once it is most of the heap."""
        if self._ended > 64 and self._ended * 2 > len(self._due):
            self._ended = 0
            self._due = [item for item in self._due if not item[2].ended]
            heapify(self._due)


def _spread() -> float:
    return 0.5 + random() / 2  # noqa: S311 (no secret)


class _Repeat:
    __slots__ = ("call", "ended", "seconds")

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds = seconds
        self.call = call
        self.ended = False
