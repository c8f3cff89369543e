"""The pump reads, page by page and in turn, what catching-up sessions have missed."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from blackroad.core.errors import Code, Rejection

AWAY_SECONDS: Final = 0.25


class Source(Protocol):
    """A session that catches up."""

    @property
    def roomy(self) -> bool:
        """Whether its reader can take a page now."""
        ...

    async def step(self) -> bool:
        """Hand on one page; answer whether there is more."""
        ...


class Pump:
    """Pulls: a page is read only for a source that has room for it. Round robin, one page a turn.

    A source without room is set aside until `wake`. Where one fails, `crashed` is told and the
    others go on; without it the pump fails. While the log cannot be read it waits.
    """

    def __init__(self, crashed: Callable[[Source, Exception], None] | None = None) -> None:
        self._crashed = crashed
        self._ready: deque[Source] = deque()
        self._aside: dict[Source, None] = {}
        self._queued: set[Source] = set()
        self._wanted = asyncio.Event()

    def add(self, source: Source) -> None:
        """Take a source until it has no more. Idempotent."""
        if source not in self._queued:
            self._queued.add(source)
            self._ready.append(source)
            self._wanted.set()

    def wake(self, source: Source) -> None:
        """Look again whether a source that was set aside has room."""
        if source in self._aside:
            del self._aside[source]
            self._ready.append(source)
            self._wanted.set()

    def discard(self, source: Source) -> None:
        """Forget a source. Idempotent."""
        self._aside.pop(source, None)
        self._queued.discard(source)

    async def run(self) -> None:
        """Pump until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._ready:
                await self._turn(self._ready.popleft())

    async def _turn(self, source: Source) -> None:
        if source not in self._queued:
            return
        if not source.roomy:
            self._aside[source] = None
        elif await self._step(source):
            self._ready.append(source)
            await asyncio.sleep(0)  # others of this process get their turn between pages
        else:
            self._queued.discard(source)

    async def _step(self, source: Source) -> bool:
        try:
            return await source.step()
        except Exception as error:
            if isinstance(error, Rejection) and error.code is Code.UNAVAILABLE:
                await asyncio.sleep(AWAY_SECONDS)  # the log is away, for all
                return True
            if self._crashed is None:
                raise
            self._crashed(source, error)
            return False
