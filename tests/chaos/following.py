"""One subscription of one client, through all its connections: where it stands, what it records."""

from collections.abc import Iterable

from tests.chaos.history import (
    CaughtUp,
    Cut,
    Ended,
    Gapped,
    History,
    Opened,
    Received,
)
from tests.chaos.runs import matches
from tests.conformance.records import Event


class Following:
    """Keeps the newest cursor that holds for a subscription, as a client of the protocol does.

    `latest` is the last text of each channel, for who waits for one.
    """

    def __init__(
        self,
        history: History,
        reader: str,
        subject: str,
        door: str,
        patterns: Iterable[str],
        tenant: str = "default",
    ) -> None:
        self.reader = reader
        self.subject = subject
        self.door = door
        self.patterns = tuple(patterns)
        self.tenant = tenant
        self.cursor = ""
        self.live = False
        self.stands = False
        self.asked = False
        self.latest: dict[str, str] = {}
        self._history = history
        self._told: str = ""

    def wants(self, channel: str) -> bool:
        """Tell whether a channel's events are for it."""
        return any(matches(pattern, channel) for pattern in self.patterns)

    def opened(self, cursor: str, recovered: bool | None = None, gap: str = "") -> None:
        """Take the server's word that it stands."""
        resumed = bool(self.cursor)
        if gap:
            self.gap(gap, cursor)
        self._history.add(
            Opened(
                self.reader,
                self.subject,
                self.door,
                self.patterns,
                resumed,
                recovered,
                self.tenant,
            )
        )
        self.stands, self.asked = True, False
        self.cursor = cursor or self.cursor

    def received(self, event: Event, epoch: int = 0) -> None:
        """Take an event. What a server says of its channels has no text, and may have no id."""
        channel, offset = event.channel, event.offset
        text = event.content if isinstance(event.content, str) else ""
        event_id = event.event_id or f"{channel}@{offset}"
        self._history.add(Received(self.reader, channel, event_id, offset, text, epoch))
        self.latest[channel] = text
        self.cursor = event.cursor or self.cursor
        self.hear(event)

    def hear(self, event: Event) -> None:
        """Do more with an event, where it is more than recorded."""

    def gap(self, reason: str, cursor: str) -> None:
        """Take the word that events are missing; twice for one place is once."""
        if not cursor or cursor != self._told:
            self._told = cursor
            self._history.add(Gapped(self.reader, reason))
        self.cursor = cursor or self.cursor

    def caught_up(self, cursor: str) -> None:
        """Take the word that all that was missed has come."""
        self._history.add(CaughtUp(self.reader))
        self.live = True
        self.cursor = cursor or self.cursor

    def bookmark(self, cursor: str) -> None:
        """Take a cursor that holds where one is live."""
        if self.live:
            self.cursor = cursor

    def cut(self) -> None:
        """Lose the connection."""
        if self.stands:
            self._history.add(Cut(self.reader))
        self.live = self.stands = self.asked = False

    def ended(self, code: str) -> None:
        """Take the server's word that it is over."""
        self._history.add(Ended(self.reader, code))
        self.live = self.stands = self.asked = False
