"""Those who view one answer through `Open`.

Each update is put into a frame once for all of them.
"""

from collections.abc import Sequence
from typing import Protocol

from blackroad.core.hub.hub import Hub
from blackroad.core.log.entry import Entry
from blackroad.core.stream.frames import frame_of
from blackroad.core.stream.update import update_of


class Viewer(Protocol):
    """A session that views the answer."""

    def take(self, run: Sequence[Entry], frames: Sequence[bytes], *, ends: bool) -> None:
        """Take updates and their frames, without request and answer; whether the last ends it.

        Never blocks; it may leave in the call.
        """
        ...


class Audience:
    """Follows one answer's channel as long as somebody views it."""

    __slots__ = ("key", "viewers")

    def __init__(self, key: str) -> None:
        self.key = key
        self.viewers: dict[Viewer, None] = {}

    def offer(self, run: Sequence[Entry], topic: str) -> None:
        """Hand updates to all viewers (hub.Sink)."""
        frames = [frame_of(entry) for entry in run]
        ends = update_of(run[-1]).ends
        for viewer in tuple(self.viewers):
            viewer.take(run, frames, ends=ends)


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
