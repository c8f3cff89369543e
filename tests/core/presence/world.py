"""The real parts of a node that presence stands on, with a clock that stands still."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from blackroad.core.channel.directory import Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.rules import Rules
from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Action, Identity, Kind, grant
from blackroad.core.log.base import Append, Appended
from blackroad.core.log.entry import Entry
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.presence.calls import PresenceCalls
from blackroad.core.presence.roster import Roster
from blackroad.core.publisher import Publisher

TENANT = "acme"
SEE_ALL = grant("presence.>", [Action.PRESENCE])
Fields: TypeAlias = dict[str, object]


def identity(
    subject: str, kind: Kind = Kind.USER, *patterns: str, tenant: str = TENANT
) -> Identity:
    """Return an identity that may see the presence of what the patterns cover."""
    return Identity(tenant, subject, kind, tuple(grant(p, [Action.PRESENCE]) for p in patterns))


ADA = identity("ada")
BOB = identity("bob")
LUCIDIA = identity("LUCIDIA", Kind.AGENT)
WATCHER = Identity(TENANT, "watcher", Kind.SERVICE, (SEE_ALL,))


class FickleLog(MemoryLog):
    """A log that can be away, and that counts its calls."""

    def __init__(self, clock: FakeClock, partitions: int = 1) -> None:
        super().__init__(MemoryLogSettings(partitions=partitions), clock)
        self.away = False
        self.calls: list[int] = []

    async def append(self, appends: Sequence[Append]) -> list[Appended | Rejection]:
        self.calls.append(len(appends))
        if self.away:
            return [Rejection(Code.UNAVAILABLE) for _ in appends]
        return await super().append(appends)


class World:
    """The parts, and all that the node has handed on of presence."""

    def __init__(
        self,
        *,
        alive: Callable[[str], bool] = lambda session_id: True,
        max_entities: int = 5000,
        max_sessions: int = 100,
        partitions: int = 1,
    ) -> None:
        self.clock = FakeClock()
        self.log = FickleLog(self.clock, partitions)
        self.hub = Hub(self.log)
        self.directory = Directory(Rules({}))
        self.hub.is_private, self.hub.control = self.directory.is_private, self.directory.apply
        publisher = Publisher(self.log, self.directory, self.clock)
        self.publisher = publisher
        self.occupants = Occupants(self.log, publisher, self.directory, self.clock)
        self.roster = Roster(
            self.log,
            publisher,
            self.clock,
            "n1",
            alive=alive,
            max_entities=max_entities,
            max_sessions=max_sessions,
        )
        self.calls = PresenceCalls(self.roster, self.directory, self.occupants)
        self.seen: list[Entry] = []
        for tenant in (TENANT, "other"):
            self.hub.watch(f"{tenant}.presence.*.*", self.seen.append)

    async def catch_up(self) -> None:
        """Return when the node has handed on all that is in the log."""
        mark = self.publisher.record("system.mark", "mark")
        appended = await self.publisher.emit([Append(f"{TENANT}.system.mark", [mark])])
        heads = list(self.hub.heads)
        heads[appended[0].partition] = appended[0].position
        async with asyncio.timeout(5):
            await self.hub.reached(tuple(heads))

    async def told(self) -> list[Fields]:
        """Do what is due; return the JSON of the events since the last call."""
        await self.roster.step()
        await self.catch_up()
        events = [entry.event for entry in self.seen]
        self.seen.clear()
        return [json.loads(event.json) for event in events]

    async def statuses(self) -> list[tuple[object, object]]:
        """Do what is due; return whose status the events since the last call tell."""
        return [(fields["entity_id"], fields["status"]) for fields in await self.told()]

    async def pass_time(self, seconds: float) -> list[Fields]:
        """Move the clock on; return what is told then."""
        self.clock.advance(seconds)
        return await self.told()


@asynccontextmanager
async def open_world(world: World | None = None) -> AsyncGenerator[World]:
    """Run the hub; the roster does what is due when it is told to."""
    world = world or World()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.hub.run())
        await asyncio.sleep(0)  # the hub follows
        try:
            yield world
        finally:
            running.cancel()
    await world.log.close()
