"""The real parts of a node that channels stand on, with a clock that stands still."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from blackroad.core.channel.calls import ChannelCalls
from blackroad.core.channel.directory import Change, Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.rules import Rules
from blackroad.core.clock import FakeClock
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Action, Grant, Identity, Kind, grant
from blackroad.core.log.base import Append
from blackroad.core.log.entry import Entry
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.publisher import Publisher
from blackroad.core.settings import NamespaceSettings
from blackroad.realtime.v1 import channel_pb2, event_pb2

SAY = grant(">", [Action.SUBSCRIBE, Action.PUBLISH])
RULE = grant(">", [Action.SUBSCRIBE, Action.PUBLISH, Action.MANAGE])


def identity(
    subject: str, *grants: Grant, kind: Kind = Kind.USER, tenant: str = "acme"
) -> Identity:
    """Return an identity; without grants one that may subscribe and publish everywhere."""
    return Identity(tenant, subject, kind, grants or (SAY,))


ADMIN = identity("admin", RULE, kind=Kind.SERVICE)
ADA = identity("ada")
BOB = identity("bob")


@dataclass
class World:
    """The parts, and all that the node has handed on."""

    clock: FakeClock
    log: MemoryLog
    hub: Hub
    directory: Directory
    publisher: Publisher
    occupants: Occupants
    calls: ChannelCalls
    changes: list[Change] = field(default_factory=list)
    seen: list[Entry] = field(default_factory=list)

    def watch(self, *topics: str) -> None:
        """Collect in `seen` what comes on these topics from now on."""
        for topic in topics:
            self.hub.watch(topic, self.seen.append)

    async def catch_up(self) -> None:
        """Return when the node has handed on all that is in the log."""
        mark = self.publisher.record("system.mark", "mark")
        (appended,) = await self.publisher.emit([Append("acme.system.mark", [mark])])
        async with asyncio.timeout(5):
            await self.hub.reached((appended.position,))

    async def told(self) -> list[tuple[str, dict[str, object]]]:
        """Settle the occupants; return types and fields of what was seen since the last call."""
        await self.occupants.settle()
        await self.catch_up()
        events = [entry.event for entry in self.seen]
        self.seen.clear()
        return [(event.type, json.loads(event.json)) for event in events]

    async def say(self, who: Identity, channel: str, *texts: str) -> list[int]:
        """Publish texts; return their offsets."""
        events = [event_pb2.Draft(text=text) for text in texts]
        request = channel_pb2.PublishRequest(channel=channel, events=events)
        answer = await self.publisher.publish(who, "", request)
        await self.catch_up()
        return [event.offset for event in answer.events]

    async def make(
        self, name: str, *members: str, by: Identity = ADMIN, **policy: object
    ) -> channel_pb2.Channel:
        """Make a channel."""
        request = channel_pb2.CreateChannelRequest(name=name, members=members)
        request.policy.MergeFrom(channel_pb2.ChannelPolicy(**policy))  # type: ignore[arg-type]  # the fields by name
        return (await self.calls.create_channel(by, request)).channel

    async def history(self, who: Identity, channel: str) -> list[str]:
        """Return the texts of a channel's history that somebody may read."""
        request = channel_pb2.ListEventsRequest(channel=channel)
        answer = await self.calls.list_events(who, request)
        return [event.text for event in answer.events if event.WhichOneof("body") == "text"]


@asynccontextmanager
async def open_world(
    namespaces: Mapping[str, NamespaceSettings] | None = None,
) -> AsyncGenerator[World]:
    """Run the parts."""
    clock = FakeClock()
    log = MemoryLog(MemoryLogSettings(), clock)
    hub = Hub(log)
    directory = Directory(Rules(namespaces or {}))
    hub.is_private, hub.control = directory.is_private, directory.apply
    publisher = Publisher(log, directory, clock)
    occupants = Occupants(log, publisher, directory, clock)
    calls = ChannelCalls(log, hub, directory, occupants, publisher, clock)
    world = World(clock, log, hub, directory, publisher, occupants, calls)
    directory.listeners.append(world.changes.append)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(hub.run())
        await asyncio.sleep(0)  # the hub follows
        try:
            yield world
        finally:
            running.cancel()
    await log.close()
