"""The gate decides when a sink that has something pending flushes it.

At once when quiet, else not too often.
"""

import asyncio
from collections.abc import Callable

MIN_INTERVAL_SECONDS = 0.001
PER_FOLLOWER_SECONDS = 40e-6


class Gate:
    """Calls `flush` soon after `request`.

    At the end of this tick where the last flush is long ago, else when the interval since it has
    passed.

    The interval is the longer of 1 ms and 40 µs for each follower: what one frame to each of them
    costs. So a busy channel is written in frames of many events, and a quiet one without a delay.
    """

    __slots__ = ("_flush", "_handle", "_last", "_loop", "followers")

    def __init__(self, flush: Callable[[], bool]) -> None:
        self.followers = 1
        self._flush = flush
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._handle: asyncio.Handle | None = None

    def request(self) -> None:
        """Ask for a flush. Cheap where one is on its way."""
        if self._handle is None:
            due = self._last + max(MIN_INTERVAL_SECONDS, self.followers * PER_FOLLOWER_SECONDS)
            if self._loop.time() >= due:
                self._handle = self._loop.call_soon(self._run)
            else:
                self._handle = self._loop.call_at(due, self._run)

    def open(self) -> None:
        """Flush now, what was requested and what was not."""
        self.close()
        self._run()

    def close(self) -> None:
        """Forget a flush that is on its way."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        if self._flush():
            self._last = self._loop.time()
