"""The gate decides when a sink that has something pending flushes it.

At once when quiet, else not too often.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager

MIN_INTERVAL_SECONDS = 0.001
PER_FOLLOWER_SECONDS = 40e-6


class Turn:
    """Opens, at the end of a batch, the gates that became due in it."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due: list[Gate] | None = None

    def take(self, gate: "Gate") -> bool:
        """Open a gate at the end of the batch; False where there is none just now."""
        if self._due is None:
            return False
        self._due.append(gate)
        return True

    @contextmanager
    def batch(self) -> Generator[None]:
        """Take gates while the context lasts, and open them in the end."""
        due = self._due = []
        try:
            yield
        finally:
            self._due = None
            for gate in due:
                gate.open_if_due()


class Gate:
    """Calls `flush` soon after `request`.

    At the end of this batch of the hub, or else of this tick, where the last flush is long ago;
    otherwise when the interval since it has passed.

    The interval is the longer of 1 ms and 40 µs for each follower: what one frame to each of them
    costs. So a busy channel is written in frames of many events, and a quiet one without a delay.
    """

    __slots__ = ("_flush", "_handle", "_last", "_loop", "_taken", "_turn", "followers")

    def __init__(self, flush: Callable[[], bool], turn: Turn) -> None:
        self.followers = 1
        self._turn = turn
        self._taken = False
        self._flush = flush
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._handle: asyncio.Handle | None = None

    def request(self) -> None:
        """Ask for a flush. Cheap where one is on its way."""
        if self._handle is None and not self._taken:
            due = self._last + max(MIN_INTERVAL_SECONDS, self.followers * PER_FOLLOWER_SECONDS)
            if self._loop.time() < due:
                self._handle = self._loop.call_at(due, self._run)
            elif self._turn.take(self):
                self._taken = True
            else:
                self._handle = self._loop.call_soon(self._run)

    def open_if_due(self) -> None:
        """Flush, unless that has been done or forgotten meanwhile."""
        if self._taken:
            self._run()

    def open(self) -> None:
        """Flush now, what was requested and what was not."""
        self.close()
        self._run()

    def close(self) -> None:
        """Forget a flush that is on its way."""
        self._taken = False
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        self._taken = False
        if self._flush():
            self._last = self._loop.time()
