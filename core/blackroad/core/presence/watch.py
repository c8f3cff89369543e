"""One watch of a Track session: what it matches at one moment, page by page, then what changes."""

import math
from collections.abc import Callable

from blackroad.core.clock import Clock
from blackroad.core.hub.hub import Hub
from blackroad.core.log.entry import Entry
from blackroad.core.presence.entity import Entity, entity_at
from blackroad.core.presence.record import Record
from blackroad.core.presence.roster import Roster
from blackroad.core.topics import matches
from blackroad.realtime.v1 import presence_pb2

PAGE_ITEMS = 500
FRAME_BYTES = 256 << 10
DOUBT_SECONDS = 10.0  # in which all nodes have surely said what they have


class Watch:
    """Hears of changes from the log, and says how the records then stand.

    Frames are pulled (`next`), so a slow reader holds back nothing but one name for each entity
    that changed meanwhile: it then gets the record as it stands, once. A change is left out where a
    page or an earlier frame said it. `wake` is called when there is something to pull.

    Where the node has missed some of the log it begins anew; and for a while it hears also from the
    board what others say of their sessions, since the events of that may be what was missed. With
    several partitions it always does: an event may come before the board's word on it.
    """

    def __init__(
        self,
        request_id: str,
        topic: str,
        entity: Entity | None,
        roster: Roster,
        hub: Hub,
        clock: Clock,
        wake: Callable[["Watch"], None],
    ) -> None:
        self.request_id = request_id
        self._topic = topic
        self._entity = entity
        self._roster = roster
        self._hub = hub
        self._clock = clock
        self._wake = wake
        self._after = ""  # the key up to which the snapshot was said
        self._complete = False
        self._changed: dict[str, None] = {}  # keys, in the order of their first change
        self._said: dict[str, int] = {}  # versions whose events are still to come, by key
        self._doubts_until = 0.0  # monotonic seconds

    def open(self) -> None:
        """Begin to listen. What comes first is there to be pulled."""
        self._hub.watch(self._topic, self._hear)
        self._hub.on_missed[self._begin_anew] = None
        if len(self._hub.heads) > 1:
            self._doubt(math.inf)

    def close(self) -> None:
        """Stop listening. Idempotent."""
        self._hub.unwatch(self._topic, self._hear)
        self._hub.on_missed.pop(self._begin_anew, None)
        self._roster.learned.pop(self._learn, None)

    def next(self) -> bytes | None:
        """Return the next frame; None where there is none now."""
        if not self._complete:
            return self._snapshot()
        return self._changes() if self._changed else None

    def _hear(self, entry: Entry) -> None:
        key = entry.key
        if not self._complete and key > self._after:
            return  # a page will say it
        record = self._roster.record(key)
        if record is not None and self._said.get(key) == record.version:
            if record.is_told(self._hub.heads):
                del self._said[key]
            return
        if record is not None or entity_at(key) is not None:
            self._changed[key] = None
            self._wake(self)

    def _begin_anew(self) -> None:
        self._after, self._complete = "", False
        self._changed.clear()
        self._said.clear()
        self._doubt(self._clock.monotonic() + DOUBT_SECONDS)
        self._wake(self)

    def _doubt(self, until: float) -> None:
        self._doubts_until = max(self._doubts_until, until)
        self._roster.learned[self._learn] = None

    def _learn(self, key: str) -> None:
        if self._clock.monotonic() > self._doubts_until:
            self._roster.learned.pop(self._learn, None)
        elif matches(self._topic, key) and (self._complete or key <= self._after):
            self._changed[key] = None
            self._wake(self)

    def _snapshot(self) -> bytes:
        frame = presence_pb2.TrackResponse(request_id=self.request_id)
        records, self._complete = self._page()
        budget = FRAME_BYTES
        for record in records:
            presence = frame.snapshot.entities.add()
            presence.CopyFrom(self._roster.look(record))
            self._after = record.key
            self._say(record)
            budget -= presence.ByteSize()
            if budget <= 0:
                self._complete = self._complete and record is records[-1]
                break
        frame.snapshot.complete = self._complete
        return frame.SerializeToString()

    def _page(self) -> tuple[list[Record], bool]:
        """Return records of the snapshot, and whether they are its last."""
        if self._entity is not None:
            record = self._roster.record(self._topic)
            return [record or Record(self._entity)], True
        records = list(self._roster.page(self._topic, self._after, PAGE_ITEMS + 1))
        return records[:PAGE_ITEMS], len(records) <= PAGE_ITEMS

    def _changes(self) -> bytes:
        """Return a frame of records as they stand: concatenated messages parse as one."""
        now_ns = self._clock.time_ns()
        parts = [presence_pb2.TrackResponse(request_id=self.request_id).SerializeToString()]
        budget = FRAME_BYTES
        while self._changed and budget > 0:
            key = next(iter(self._changed))
            del self._changed[key]
            parts.append(self._record(key, now_ns).change(now_ns))
            budget -= len(parts[-1])
        return b"".join(parts)

    def _record(self, key: str, now_ns: int) -> Record:
        record = self._roster.record(key)
        if record is not None:
            self._say(record)
            return record
        entity = entity_at(key)
        assert entity is not None  # noqa: S101 (only keys of entities are kept)
        absent = Record(entity)  # it went, and was forgotten
        absent.touch(now_ns)
        return absent

    def _say(self, record: Record) -> None:
        """Note that the record is said as it stands, before the log said it."""
        if not record.is_told(self._hub.heads):
            self._said[record.key] = record.version
