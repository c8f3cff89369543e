"""The calls in progress, and whether new ones may come."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from blackroad.core.errors import CodedError


class Calls:
    """The calls in progress of all rpcs, and whether new ones may come."""

    def __init__(self) -> None:
        self.refusal: CodedError | None = None
        self.active = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def one(self) -> Generator[None]:
        """Count a call while it lasts."""
        self.active += 1
        self._none.clear()
        try:
            yield
        finally:
            self.active -= 1
            if not self.active:
                self._none.set()

    async def none(self) -> None:
        """Return when no call is in progress."""
        await self._none.wait()
