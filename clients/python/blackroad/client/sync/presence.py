"""Who is here, and being here oneself, without `async`."""

from collections.abc import AsyncIterator
from typing import Self

from blackroad.client import announcement
from blackroad.client.presence import Presence, PresenceQuery
from blackroad.client.sync.background import BACKGROUND
from blackroad.client.sync.twin import Twin, next_of, waits


class PresenceWatch(Twin[AsyncIterator[Presence]]):
    """Who is here, and then every change; ends by being left, or by an error."""

    def __init__(self, query: PresenceQuery) -> None:
        super().__init__(aiter(query))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Presence:
        for record in BACKGROUND.run(next_of(self.twin)):
            return record
        raise StopIteration


class Announcement(Twin[announcement.Announcement]):
    """An entry in the presence of the client's own identity, while `with` lasts."""

    update = waits(announcement.Announcement.update)

    def __enter__(self) -> Self:
        BACKGROUND.run(self.twin.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        BACKGROUND.run(self.twin.__aexit__())


def present(query: PresenceQuery) -> list[Presence]:
    """Return who is here now."""
    return BACKGROUND.run(_list(query))


async def _list(query: PresenceQuery) -> list[Presence]:
    return await query
