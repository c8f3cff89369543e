"""One entity's record: an entry for each of its sessions, and what they come to together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from blackroad.core.identity.identity import Kind
from blackroad.core.log.entry import Position, Positions
from blackroad.core.names import scope
from blackroad.core.presence.claims import NO_METADATA
from blackroad.core.presence.entity import Entity, Status
from blackroad.realtime.v1 import presence_pb2

SHOWN_SESSIONS = 256
SHOWN_BYTES = 256 << 10


@dataclass(slots=True, eq=False)
class Stay:
    """One session's entry. `capacity` is None for those that take no work."""

    session_id: str
    entity: Entity
    status: Status
    metadata_json: str
    capabilities: tuple[str, ...]
    capacity: int | None
    node: str
    connected_ns: int
    spoke: int  # grows with each time that it says something by metadata; 0: it never did
    renewed: float  # monotonic seconds: when its lease was last renewed
    active: int = 0
    lost_ns: int = 0  # Unix time at which its connection was lost; 0: it is there
    origin: str = ""  # the generation of the node that has it; empty: this one
    key: str = field(init=False)  # of the entity's record

    def __post_init__(self) -> None:
        self.key = self.entity.key

    @property
    def works(self) -> bool:
        """Whether it takes work: only a worker has a capacity."""
        return self.capacity is not None

    @property
    def present_as(self) -> Status:
        """Its status: a worker with all hands full is busy, unless it said it is away."""
        full = self.capacity is not None and self.active >= self.capacity
        return Status.BUSY if full and self.status is Status.ONLINE else self.status


class View(NamedTuple):
    """What the entries of an entity come to: a change of this is told at once."""

    status: Status
    metadata_json: str
    capabilities: tuple[str, ...]


ABSENT = View(Status.OFFLINE, NO_METADATA, ())
_ORDER = (Status.ONLINE, Status.BUSY, Status.AWAY)


def merge(stays: Iterable[Stay], kind: Kind) -> View:
    """Return what entries come to, in whatever order they are given.

    Online before busy before away; an agent whose every worker is busy is busy. The metadata is of
    the one that last changed its own.
    """
    stays = list(stays)
    if not stays:
        return ABSENT
    statuses = {stay.present_as for stay in stays}
    status = next(status for status in _ORDER if status in statuses)
    if kind is Kind.AGENT:
        workers = {stay.present_as for stay in stays if stay.works}
        status = Status.BUSY if workers == {Status.BUSY} else status
    speaker = max(stays, key=lambda stay: (stay.spoke, stay.session_id))
    capabilities = {word for stay in stays for word in stay.capabilities}
    return View(status, speaker.metadata_json, tuple(sorted(capabilities)))


class Record:
    """An entity as it stands, and what of it was told. It outlives its last session for a while."""

    __slots__ = (
        "_change",
        "entity",
        "key",
        "lost",
        "name",
        "partition",
        "position",
        "postponed",
        "seen_ns",
        "stays",
        "told",
        "told_at",
        "told_version",
        "version",
    )

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.name = entity.name
        self.key = scope(entity.tenant, self.name)
        self.stays: dict[str, Stay] = {}  # by session, oldest first
        self.lost: dict[str, Stay] = {}  # those of them whose connection was lost, oldest first
        self.version = 0
        self.seen_ns = 0  # when it was last known to be here
        self.told: View | None = ABSENT  # None: nobody knows whether it was
        self.told_version = 0
        self.told_at = float("-inf")  # monotonic seconds
        self.postponed = False  # a change that can wait is waiting to be told
        self.partition = 0
        self.position = Position(0, 0)  # of the last event that told of it
        self._change: tuple[int, bytes] | None = None

    @property
    def view(self) -> View:
        """What its entries come to. Costs a look at each."""
        return merge(self.stays.values(), self.entity.kind)

    def touch(self, now_ns: int) -> None:
        """Note that something changed: the version grows, across restarts too."""
        self.version = max(self.version + 1, now_ns // 1_000_000)

    def is_told(self, heads: Positions) -> bool:
        """Tell whether the node has handed on, up to these places, all events about it."""
        return self.version == self.told_version and self.position <= heads[self.partition]

    def lost_like(self, stay: Stay) -> Stay | None:
        """Return the entry that was lost first of those that this one may take over.

        Only a worker continues what a worker was.
        """
        return next((lost for lost in self.lost.values() if lost.works is stay.works), None)

    def last_seen(self, now_ns: int) -> int:
        """Return when it was last known to be here: now, where a session is connected."""
        if len(self.lost) < len(self.stays):
            return now_ns
        return max((stay.lost_ns for stay in self.lost.values()), default=self.seen_ns)

    def presence(self, now_ns: int) -> presence_pb2.Presence:
        """Return the record. Of many sessions the oldest are shown."""
        view = self.view
        record = presence_pb2.Presence(
            entity_id=self.entity.id,
            entity_type=self.entity.kind.wire,
            status=view.status.wire,
            metadata_json=view.metadata_json,
            version=self.version,
        )
        record.last_seen_time.FromNanoseconds(self.last_seen(now_ns))
        size = 0
        for stay, _ in zip(self.stays.values(), range(SHOWN_SESSIONS), strict=False):
            size += len(stay.metadata_json) + sum(map(len, stay.capabilities)) + 128
            if size > SHOWN_BYTES:
                break
            _show(stay, record.sessions.add())
        return record

    def change(self, now_ns: int) -> bytes:
        """Return a serialized TrackResponse with this one change, made once for each version.

        Several of them, one after the other, parse as one with all the changes.
        """
        if self._change is None or self._change[0] != self.version:
            changes = presence_pb2.PresenceChanges()
            changes.changes.add().presence.CopyFrom(self.presence(now_ns))
            frame = presence_pb2.TrackResponse(changes=changes)
            self._change = self.version, frame.SerializeToString()
        return self._change[1]

    def news(self, view: View, now_ns: int) -> dict[str, object]:
        """Return what an event says of it, as JSON values."""
        return {
            "entity_id": self.entity.id,
            "entity_type": self.entity.kind.value,
            "status": view.status.word,
            "last_seen": rfc3339(self.last_seen(now_ns)),
            "metadata": msgspec.Raw(view.metadata_json.encode()),
            "capabilities": view.capabilities,
            "sessions": len(self.stays),
            "active": sum(stay.active for stay in self.stays.values()),
            "version": self.version,
        }


def rfc3339(time_ns: int) -> str:
    """Return Unix nanoseconds as text, in UTC with milliseconds."""
    time = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time_ns // 1_000_000 % 1000:03}Z"


def _show(stay: Stay, shown: presence_pb2.PresenceSession) -> None:
    shown.session_id = stay.session_id
    shown.status = stay.present_as.wire
    shown.metadata_json = stay.metadata_json
    shown.capabilities.extend(stay.capabilities)
    shown.max_concurrency = stay.capacity or 0
    shown.active = stay.active
    shown.node = stay.node
    shown.connect_time.FromNanoseconds(stay.connected_ns)
