"""The trunks of a node, by id."""

import asyncio
from contextlib import suppress

from blackroad.core.errors import Code, Ending
from blackroad.core.gateway.trunk import UNKNOWN, Trunk


class Trunks:
    """The trunks of a node, by id."""

    def __init__(self) -> None:
        self._trunks: dict[str, Trunk] = {}
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return len(self._trunks)

    def add(self, trunk: Trunk) -> None:
        """Add one."""
        self._trunks[trunk.trunk_id] = trunk
        self._none.clear()

    def remove(self, trunk: Trunk) -> None:
        """Remove one. Idempotent."""
        self._trunks.pop(trunk.trunk_id, None)
        if not self._trunks:
            self._none.set()

    async def none(self, seconds: float) -> None:
        """Return when there is none, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none.wait()

    def all(self) -> list[Trunk]:
        """Return all at this moment."""
        return list(self._trunks.values())

    def get(self, trunk_id: str) -> Trunk:
        """Return a trunk; an `Ending` with NOT_FOUND where there is none."""
        trunk = self._trunks.get(trunk_id)
        if trunk is None:
            raise Ending(Code.NOT_FOUND, UNKNOWN)
        return trunk

    def drain(self, retry_after_seconds: float) -> None:
        """Tell every edge to go elsewhere."""
        for trunk in tuple(self._trunks.values()):
            trunk.end(Ending(Code.DRAINING, retry_after_seconds=retry_after_seconds))
