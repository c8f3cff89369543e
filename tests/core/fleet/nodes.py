"""Nodes of one fleet on one log, in this process: who is there by each, and who is in a room."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from blackroad.core.channel.directory import Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.rules import Rules
from blackroad.core.clock import FakeClock
from blackroad.core.fleet.board import Board
from blackroad.core.fleet.words import (
    BOARD,
    COMMON,
    LOST,
    Items,
    Lost,
    append_of,
    data_of,
    order_of,
)
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Kind
from blackroad.core.log.base import Appended
from blackroad.core.log.entry import Entry
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.names import companion, scope
from blackroad.core.presence.roster import Roster
from blackroad.core.publisher import Publisher
from blackroad.core.settings import NamespaceSettings

TENANT = "acme"
ROOM = scope(TENANT, "hall")
GRACE_SECONDS = 5.0


class Node:
    """What of a node stands on the board, with a clock of its own."""

    def __init__(self, name: str, nodes: "Nodes") -> None:
        self.clock = FakeClock()
        self.hub = nodes.hub
        log, directory = nodes.log, nodes.directory
        publisher = Publisher(log, directory, self.clock)
        self.board = Board(log, name, alone=False)
        self.roster = Roster(log, publisher, self.clock, name, board=self.board)
        self.occupants = Occupants(log, publisher, directory, self.clock, board=self.board)

    def here(self) -> list[str]:
        """Return the users that this node lists."""
        return [one.entity_id for one in self.roster.list(TENANT, Kind.USER)[0]]

    def seated(self) -> list[str]:
        """Return who occupies the room, as this node lists it."""
        return [subject for subject, _ in self.occupants.page(ROOM, "", 100)]

    def hear(self, entry: Entry) -> None:
        """Take up what a node has said."""
        if entry.type == BOARD:
            items = msgspec.msgpack.decode(data_of(entry), type=Items)
            self.board.take(items, order_of(entry))
        elif entry.type == LOST:
            lost = msgspec.msgpack.decode(data_of(entry), type=Lost)
            if lost.node == self.board.node:
                self.board.rename(f"{lost.node} again")
            else:
                self.board.lose(lost.node, order_of(entry), heir=lost.by)

    async def step(self) -> None:
        """Do what is due, and say what is to be said."""
        await self.roster.step()
        await self.occupants.settle()
        await self.board.flush()


class Nodes:
    """Some nodes, each of which hears what all say in the log's order, and what clients hear."""

    def __init__(self, *names: str, max_members: int = 0) -> None:
        self.log = MemoryLog(MemoryLogSettings(), FakeClock())
        self.hub = Hub(self.log)
        hall = NamespaceSettings(presence=True, max_members=max_members)
        self.directory = Directory(Rules({"hall": hall}))
        self.hub.is_private, self.hub.control = self.directory.is_private, self.directory.apply
        self.living = {name: Node(name, self) for name in names}
        self.told: list[tuple[str, str]] = []
        self._still: dict[str, tuple[Node, list[Entry]]] = {}  # and what they are to hear
        self.hub.watch(COMMON, self._hear)
        self.hub.watch(f"{TENANT}.presence.user.*", self._tell)
        self.hub.watch(scope(TENANT, companion("hall")), self._tell)

    def __getitem__(self, name: str) -> Node:
        return self.living[name]

    def kill(self, name: str) -> None:
        """Let a node end without a word."""
        del self.living[name]

    def stop(self, name: str) -> None:
        """Let a node stand still."""
        self._still[name] = self.living.pop(name), []

    async def go_on(self, name: str) -> None:
        """Let it go on: it hears what was said meanwhile."""
        node, entries = self._still.pop(name)
        for entry in entries:
            node.hear(entry)
        self.living[name] = node
        await self.settle()

    async def declare_lost(self, name: str, by: str) -> None:
        """Have a node say that another one is lost, and all hear it."""
        await self.log.append([append_of(COMMON, LOST, Lost(name, by))])
        await self.settle()

    async def pass_time(self, seconds: float, *names: str) -> None:
        """Move the clocks of some nodes, or of all, and have done what is due."""
        for name in names or self.living:
            self[name].clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        """Have all done that is due, and heard by all."""
        for _ in range(3):  # what is heard may be answered, and that be told to clients
            for node in self.living.values():
                await node.step()
            await self._heard()

    async def _heard(self) -> None:
        (said,) = await self.log.append([append_of(COMMON, "mark", Lost("", ""))])
        assert isinstance(said, Appended)
        async with asyncio.timeout(20):
            await self.hub.reached((said.position,))

    def _hear(self, entry: Entry) -> None:
        for node in self.living.values():
            node.hear(entry)
        for _, entries in self._still.values():
            entries.append(entry)

    def _tell(self, entry: Entry) -> None:
        fields = json.loads(entry.event.json)
        if entry.type.startswith("room."):
            self.told.append((str(fields["client_id"]), entry.type.removeprefix("room.")))
        else:
            self.told.append((str(fields["entity_id"]), str(fields["status"])))


@asynccontextmanager
async def open_nodes(*names: str, max_members: int = 0) -> AsyncGenerator[Nodes]:
    """Run the log's reader."""
    nodes = Nodes(*names, max_members=max_members)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(nodes.hub.run())
        await asyncio.sleep(0)  # it follows
        try:
            yield nodes
        finally:
            running.cancel()
    await nodes.log.close()
