"""How a call changes a channel: by an event of the channel, which it waits to see applied."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from blackroad.core.channel.control import Body, Change
from blackroad.core.channel.directory import Directory
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.audit import AUDIT
from blackroad.core.identity.identity import Identity
from blackroad.core.log.base import Append, Keep
from blackroad.core.log.entry import Positions
from blackroad.core.names import unscope
from blackroad.core.publisher import Publisher

APPLY_SECONDS: Final = 10.0


class Reader(Protocol):
    """Who reads the log for this node: the hub."""

    @property
    def heads(self) -> Positions:
        """How far the node has handed on the log."""
        ...

    async def reached(self, positions: Positions) -> None:
        """Return when the node has handed on all up to these positions."""
        ...


class Changes:
    """Makes changes one at a time for each channel of this node."""

    def __init__(self, reader: Reader, publisher: Publisher, directory: Directory) -> None:
        self._reader = reader
        self._publisher = publisher
        self._applied: dict[str, bool] = {}  # by the ids of events that calls wait for
        self._turns: dict[str, _Turns] = {}
        directory.listeners.append(self._take_up)

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncGenerator[None]:
        """Let one call at a time look at a channel and change it."""
        turns = self._turns.setdefault(key, _Turns())
        turns.users += 1
        try:
            async with turns.lock:
                yield
        finally:
            turns.users -= 1
            if not turns.users:
                del self._turns[key]

    async def make(
        self, identity: Identity, key: str, event_type: str, body: Body, keep: Keep
    ) -> bool:
        """Append a control event; return, once this node has applied it, whether it had effect.

        Nothing that is published after the return is delivered under the former state. Raises what
        the log refuses the event with; UNKNOWN where the node does not come to apply it.
        """
        record = self._publisher.record(
            unscope(key), event_type, sender=identity.subject, kind=identity.kind, json=body
        )
        self._applied[record.event_id] = False
        try:
            (appended,) = await self._publisher.emit([Append(key, [record], keep)])
            places = list(self._reader.heads)
            places[appended.partition] = appended.position
            async with asyncio.timeout(APPLY_SECONDS):
                await self._reader.reached(tuple(places))
            if self._applied[record.event_id]:
                AUDIT.managed(identity, unscope(key), event_type)
            return self._applied[record.event_id]
        except TimeoutError as error:
            raise Rejection(Code.UNKNOWN, "the change may or may not hold: look again") from error
        finally:
            del self._applied[record.event_id]

    def _take_up(self, change: Change) -> None:
        if change.event_id in self._applied:
            self._applied[change.event_id] = True


class _Turns:
    """The calls that want one channel."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0
