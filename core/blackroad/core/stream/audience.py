"""Those who view one answer through `Open`.

Each update is put into a frame once for all of them.
"""

from typing import Protocol

from blackroad.core.hub.hub import Hub
from blackroad.core.log.entry import Entry
from blackroad.realtime.v1 import stream_pb2
from blackroad.wire.v1 import frames_pb2


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


# Filled anew for each update: setting a field costs half of making a message.
_DELIVERY = frames_pb2.OpenResponse(delivery=frames_pb2.Delivery(events=[b""]))


def frame_of(entry: Entry) -> tuple[bytes, bool]:
    """Return an update as a serialized OpenResponse, and whether it is the ending.

    The frame names neither request nor answer: concatenated with one that does, the two parse as
    one message.
    """
    update = entry.answer
    match update.WhichOneof("update"):
        case "started":
            frame = stream_pb2.OpenResponse(cursor=entry.cursor, started=update.started)
        case "queued":
            frame = stream_pb2.OpenResponse(cursor=entry.cursor, queued=update.queued)
        case "finished":
            frame = stream_pb2.OpenResponse(cursor=entry.cursor, finished=update.finished)
            return frame.SerializeToString(), True
        case "failed":
            frame = stream_pb2.OpenResponse(cursor=entry.cursor, failed=update.failed)
            return frame.SerializeToString(), True
        case "cancelled":
            frame = stream_pb2.OpenResponse(cursor=entry.cursor, cancelled=update.cancelled)
            return frame.SerializeToString(), True
        case _:
            _DELIVERY.delivery.events[0] = entry.wire
            return _DELIVERY.SerializeToString(), False
    return frame.SerializeToString(), False
