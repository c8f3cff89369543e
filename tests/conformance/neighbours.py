"""Healthy readers of a room at every door, who must not notice what somebody else does wrong."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from tests.conformance.doors import Door, Session


class Neighbours:
    """One reader at each door."""

    def __init__(self, room: str, readers: list[Session], writer: Session) -> None:
        self._room = room
        self._readers = readers
        self._writer = writer

    async def noticed_nothing(self) -> None:
        """Fail unless the next that everyone receives is what is published now."""
        published = await self._writer.publish(self._room, "all is well")
        for reader in self._readers:
            event = await reader.inbox.event()
            assert event.event_id == published.event_id, event


@asynccontextmanager
async def neighbours(doors: Sequence[Door], room: str) -> AsyncGenerator[Neighbours]:
    """Follow a room at every door while the context lasts."""
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(door.session("neighbour")) for door in doors]
        for reader in readers:
            await reader.subscribe(room)
        writer = await stack.enter_async_context(doors[0].session("neighbour"))
        yield Neighbours(room, readers, writer)
