"""Who views which answer: told once when it has begun, and once when it has ended."""

from collections.abc import Collection
from typing import Protocol

from blackroad.edge.trunk.hearer import Hearer
from blackroad.realtime.v1 import event_pb2


class Viewer(Protocol):
    """A session that follows an answer."""

    @property
    def hearer(self) -> Hearer | None:
        """Who hears what is said of the session; None once it is closed."""
        ...

    def take_ending(self, channel: str, numbers: Collection[int], /) -> bool:
        """Take an answer's ending on LIVE, for these numbers; whether the client gets it now."""
        ...

    def answer_ended(self, channel: str, /) -> None:
        """Take that an answer's ending was handed on."""
        ...


class Viewers:
    """The sessions that wait for something of an answer in progress, by its channel."""

    def __init__(self) -> None:
        self.unbegun: dict[str, set[Viewer]] = {}
        """Those who have not been told that it has begun."""
        self._views: dict[str, set[Viewer]] = {}

    def watch(self, channel: str, session: Viewer) -> None:
        """Let a session know when an answer has begun and ended."""
        self._views.setdefault(channel, set()).add(session)
        self.unbegun.setdefault(channel, set()).add(session)

    def unwatch(self, channel: str, session: Viewer) -> None:
        """Let a session know nothing more of an answer. Idempotent."""
        for watched in (self._views, self.unbegun):
            if viewers := watched.get(channel):
                viewers.discard(session)
                if not viewers:
                    del watched[channel]

    def waits(self, channel: str, session: Viewer) -> bool:
        """Whether an answer that a session watches has not ended."""
        return session in self._views.get(channel, ())

    def begin(self, event: event_pb2.Event) -> None:
        """Tell those who wait for it of an answer's first update that says something."""
        for session in self.unbegun.pop(event.channel, ()):
            if session.hearer is not None:
                session.hearer.on_answer_begun(event)

    def end(self, channel: str, numbers: Collection[int]) -> None:
        """Tell an answer's ending to those who get it on LIVE; the others get it on CATCH_UP."""
        for session in tuple(self._views.get(channel, ())):
            if session.take_ending(channel, numbers):
                self.ended(channel, session)

    def ended(self, channel: str, session: Viewer) -> None:
        """Tell a session that an answer's ending was handed on to it; nobody else has it yet."""
        self.unwatch(channel, session)
        session.answer_ended(channel)
