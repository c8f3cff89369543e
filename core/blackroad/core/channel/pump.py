"""The pump reads, page by page and in turn, what catching-up subscriptions have missed."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Step = Callable[[], Awaitable[bool]]
"""Hands on one page; answers whether there is more."""


class Pump:
    """Pulls: a step is taken only while `roomy` says that the reader can take a page. Round robin among the steps."""

    def __init__(self, roomy: Callable[[], bool]) -> None:
        self._roomy = roomy
        self._steps: deque[Step] = deque()
        self._wanted = asyncio.Event()

    def add(self, step: Step) -> None:
        """Take a step, and again while it says that there is more."""
        self._steps.append(step)
        self._wanted.set()

    def wake(self) -> None:
        """Look again whether there is room."""
        if self._steps:
            self._wanted.set()

    async def run(self) -> None:
        """Pump until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._steps and self._roomy():
                step = self._steps.popleft()
                if await step():
                    self._steps.append(step)
