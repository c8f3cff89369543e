"""Those who view one answer through `Open`.

Each update is put into a frame once for all of them.
"""

from typing import Protocol

from blackroad.core.hub.hub import Hub
from blackroad.core.log.entry import Entry
from blackroad.core.stream.frames import frame_of


class Viewer(Protocol):
    """A session that views the answer."""

    def take(self, entry: Entry, frame: bytes, *, ends: bool) -> None:
        """Take an update and its frame, without request and answer.

        Never blocks; it may leave in the call.
        """
        ...


class Audience:
    """Follows one answer's channel as long as somebody views it."""

    __slots__ = ("key", "viewers")

    def __init__(self, key: str) -> None:
        self.key = key
        self.viewers: dict[Viewer, None] = {}

    def offer(self, entry: Entry, topic: str) -> None:
        """Hand an update to all viewers (hub.Sink)."""
        frame, ends = frame_of(entry)
        for viewer in tuple(self.viewers):
            viewer.take(entry, frame, ends=ends)


class Audiences:
    """The audiences of a node, by the keys of their answers."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._audiences: dict[str, Audience] = {}

    def join(self, key: str, viewer: Viewer) -> None:
        """Hand a viewer what comes from now on."""
        audience = self._audiences.get(key)
        if audience is None:
            audience = self._audiences[key] = Audience(key)
            self._hub.attach(audience, key)
        audience.viewers[viewer] = None

    def leave(self, key: str, viewer: Viewer) -> None:
        """Hand it nothing more. Idempotent."""
        if audience := self._audiences.get(key):
            audience.viewers.pop(viewer, None)
            if not audience.viewers:
                self._hub.detach(audience, key)
                del self._audiences[key]
