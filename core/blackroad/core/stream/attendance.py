"""Which workers there are, and how busy, as presence shows it."""

import asyncio
from collections.abc import Callable

from blackroad.core.identity.identity import Kind
from blackroad.core.presence.roster import Roster
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import stream_pb2

PAUSE_SECONDS = 0.1


class Attendance:
    """Enters workers into the roster, and tells it how busy they are.

    Not every flicker is told, but how it stands ten times a second.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        # Let other nodes know a worker, or forget it.
        self.show: Callable[[Worker], None] = _ignore
        self.hide: Callable[[Worker], None] = _ignore
        self._changed: dict[Worker, None] = {}
        self._wanted = asyncio.Event()

    async def enter(self, worker: Worker, register: stream_pb2.Register) -> None:
        """Make a worker's entry, or replace it: of the agent that it serves, else of itself.

        Raises `Rejection`.
        """
        worker.stay = await self._roster.enter(
            worker.identity,
            worker.session_id,
            metadata_json=register.metadata_json,
            capabilities=tuple(register.capabilities),
            max_concurrency=register.max_concurrency or 1,
            entity=(Kind.AGENT, register.agent) if register.agent else None,
        )

    async def leave(self, worker: Worker, *, clean: bool) -> None:
        """End a worker's entry, also one that it went before it was told of. Idempotent."""
        self._changed.pop(worker, None)
        self.hide(worker)
        await self._roster.leave(worker.session_id, clean)

    def changed(self, worker: Worker) -> None:
        """Note that a worker may have become busy, or free. Never blocks."""
        self._changed[worker] = None
        self._wanted.set()
        self.show(worker)

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            changed, self._changed = self._changed, {}
            for worker in changed:
                await self._tell(worker)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _tell(self, worker: Worker) -> None:
        stay = self._roster.entry(worker.session_id)
        if stay is None or stay is not worker.stay:
            return
        if stay.capacity != worker.max_concurrency:
            await self._roster.update(
                worker.session_id,
                max_concurrency=worker.max_concurrency,
                active=len(worker.holding),
            )
        else:
            self._roster.load(worker.session_id, len(worker.holding))


def _ignore(worker: Worker) -> None:
    """Do nothing: there are no other nodes."""
