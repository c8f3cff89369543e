"""What an edge that lost its trunk brings back: who goes on from where that trunk stood."""

from typing import Self

from blackroad.core.channel.directory import Directory
from blackroad.core.errors import Rejection
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Identity
from blackroad.core.log.base import Page
from blackroad.core.log.cursor import decode_cursor, layout_number
from blackroad.core.log.entry import Position, Positions
from blackroad.core.names import is_pattern

NEVER = 1 << 63  # an offset that no event has


class Restore:
    """Decides which subscriptions are live at once and share one catching up.

    Those that had come as far as LIVE itself, of which nothing is lost, and which may see all of
    it. What is found out about a topic holds for everybody who follows it.
    """

    def __init__(self, cursor: str, after: Positions, hub: Hub, directory: Directory) -> None:
        self.cursor = cursor
        self.after = after
        self._hub = hub
        self._directory = directory
        self._whole: dict[tuple[str, ...], bool] = {}
        self._first_missed: dict[str, int] = {}

    @classmethod
    def begin(cls, cursor: str, hub: Hub, directory: Directory) -> Self | None:
        """Return what begins at the cursor of a former trunk; None where it is of no use here."""
        try:
            decoded = decode_cursor(cursor)
        except Rejection:
            return None
        places = tuple(Position(epoch, sequence) for epoch, sequence in decoded.places)
        same = decoded.layout == layout_number(len(hub.heads)) and all(
            place.epoch == head.epoch and place.sequence <= head.sequence
            for place, head in zip(places, hub.heads, strict=True)
        )
        return cls(cursor, places, hub, directory) if same else None

    def shares(self, identity: Identity, topics: tuple[str, ...]) -> bool:
        """Tell whether a subscription to these topics may share the catching up."""
        whole = self._whole.get(topics)
        if whole is None:
            whole = self._whole[topics] = self._hub.log.missing(topics, self.after) is None
        return whole and all(self._may_see(identity, topic) for topic in topics)

    def _may_see(self, identity: Identity, topic: str) -> bool:
        """Tell whether nothing of what was missed is from before an identity's right to it."""
        if is_pattern(topic):
            return True
        floor = self._directory.history_floor(identity, topic)
        return not floor or floor < self._first(topic)

    def _first(self, key: str) -> int:
        """Return the offset of the first event of a channel that was missed."""
        first = self._first_missed.get(key)
        if first is None:
            page = self._hub.log.read([key], self.after, self._hub.heads, 1, lambda _: True)
            if isinstance(page, Page):
                first = page.entries[0].offset if page.entries else NEVER
            else:
                first = 0
            self._first_missed[key] = first
        return first


async def nearly(cursor: str, hub: Hub) -> None:
    """Wait for the place of a cursor, where another node of the same log has been a little ahead.

    What is no cursor, or of another log, is not waited for.
    """
    if not cursor:
        return
    try:
        decoded = decode_cursor(cursor)
    except Rejection:
        return
    if decoded.layout == layout_number(len(hub.heads)):
        await hub.nearly(tuple(Position(*place) for place in decoded.places))
