"""Where a subscription begins: now, after a cursor, with history, or with an answer's snapshot."""

import contextlib
from dataclasses import dataclass
from typing import Protocol

from blackroad.core.channel.directory import Directory
from blackroad.core.channel.subscription import before
from blackroad.core.errors import Code, Rejection
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Identity
from blackroad.core.log.base import GapReason
from blackroad.core.log.cursor import decode_cursor, encode_cursor, layout_number
from blackroad.core.log.entry import Entry, Position, Positions
from blackroad.core.names import is_pattern
from blackroad.realtime.v1 import channel_pb2, event_pb2

MAX_HISTORY = 300
MAX_LOOKED_AT = 4096


class Snapshots(Protocol):
    """Who knows answers in their folded form."""

    async def snapshot(
        self, identity: Identity, key: str
    ) -> tuple[event_pb2.AnswerSnapshot, Positions]:
        """Return an answer and the place that it contains; NOT_FOUND where it is not kept."""
        ...


@dataclass(slots=True)
class Start:
    """Where what follows begins, and what comes before it."""

    after: Positions
    before: Positions  # the place before `entries`: what Subscribed tells
    entries: list[Entry]
    snapshots: list[event_pb2.AnswerSnapshot]
    policy: channel_pb2.ChannelPolicy | None
    recovered: bool | None = None
    gap: GapReason | None = None
    history_complete: bool | None = None

    def frame(self, channel: str) -> channel_pb2.Subscribed:
        """Return what the client is told."""
        frame = channel_pb2.Subscribed(channel=channel, cursor=encode_cursor(self.before))
        if self.policy is not None:
            frame.policy.CopyFrom(self.policy)
        if self.recovered is not None:
            frame.recovered = self.recovered
        if self.gap is not None:
            frame.gap = event_pb2.GapReason.ValueType(self.gap.value)
        if self.history_complete is not None:
            frame.history_complete = self.history_complete
        return frame


class Starter:
    """Finds the start of subscriptions."""

    def __init__(self, hub: Hub, directory: Directory, snapshots: Snapshots) -> None:
        self._hub = hub
        self._directory = directory
        self._snapshots = snapshots

    async def start(
        self, identity: Identity, names: list[str], request: channel_pb2.Subscribe
    ) -> Start:
        """Return the start.

        INVALID_CURSOR, NOT_FOUND (an answer that is not kept), BAD_FRAME (history over 300).
        """
        topics = [identity.key(name) for name in names]
        with contextlib.suppress(Rejection):  # while the log is away it begins a second early
            await self._hub.log.ready(topics)
        heads = self._hub.heads
        start = Start(heads, heads, [], [], self._policy(identity, names))
        if request.WhichOneof("start") == "cursor":
            await self._resume(start, topics, request.cursor)
        elif request.WhichOneof("start") == "history":
            await self._with_history(start, identity, names, request.history)
        if start.recovered is not True:
            for name in names:
                if name.startswith("stream.") and not is_pattern(name):
                    await self._with_snapshot(start, identity, identity.key(name))
        return start

    async def snapshot(
        self, identity: Identity, key: str
    ) -> tuple[event_pb2.AnswerSnapshot, Positions]:
        """Return an answer and the place that it contains."""
        return await self._snapshots.snapshot(identity, key)

    def _policy(self, identity: Identity, names: list[str]) -> channel_pb2.ChannelPolicy | None:
        if is_pattern(names[0]):
            return None
        return self._directory.shown_policy(identity.key(names[0]))

    async def _resume(self, start: Start, topics: list[str], cursor: str) -> None:
        decoded = decode_cursor(cursor)
        places = tuple(Position(epoch, sequence) for epoch, sequence in decoded.places)
        if decoded.layout != layout_number(len(self._hub.heads)):
            start.gap = GapReason.EPOCH_CHANGED
        else:
            await self._hub.log.ready(topics)
            await self._hub.nearly(places)
            start.gap = self._hub.log.missing(topics, places)
        start.recovered = start.gap is None
        if start.recovered:
            start.after = start.before = places

    async def _with_history(
        self, start: Start, identity: Identity, names: list[str], limit: int
    ) -> None:
        if limit > MAX_HISTORY:
            raise Rejection(Code.BAD_FRAME, f"history is at most {MAX_HISTORY}", channel=names[0])
        patterns = [identity.key(name) for name in names if is_pattern(name)]
        entries: dict[int, Entry] = {}
        for name in names:
            if not is_pattern(name) and limit:
                page = await self._hub.log.history(identity.key(name), limit)
                floor = self._directory.history_floor(identity, identity.key(name))
                entries |= {id(e): e for e in page.entries if e.offset > floor}
        start.after = start.before = heads = self._hub.heads
        if patterns:
            newest, start.history_complete = self._newest(identity, patterns, limit, heads)
            entries |= {id(entry): entry for entry in newest}
        shown = [e for e in entries.values() if e.position <= heads[e.partition]]
        shown.sort(key=lambda entry: (entry.time_ns, entry.position))
        start.entries = shown[-limit:] if limit else []
        for entry in reversed(start.entries):
            start.before = (
                *start.before[: entry.partition],
                before(entry.position),
                *start.before[entry.partition + 1 :],
            )

    def _newest(
        self, identity: Identity, patterns: list[str], limit: int, heads: Positions
    ) -> tuple[list[Entry], bool]:
        """Return the newest entries that the identity may see, and whether that is all.

        What lies below a channel's floor is not one of them: then more is looked at.
        """
        asked = limit
        while True:
            found, complete = self._hub.log.newest(
                patterns, asked, heads, lambda key: self._directory.may_read(identity, key)
            )
            floors = {e.key: self._directory.history_floor(identity, e.key) for e in found}
            shown = [entry for entry in found if entry.offset > floors[entry.key]]
            if len(shown) >= limit or len(found) < asked or asked >= MAX_LOOKED_AT:
                return shown[max(0, len(shown) - limit) :], complete
            asked = min(2 * asked, MAX_LOOKED_AT)

    async def _with_snapshot(self, start: Start, identity: Identity, key: str) -> None:
        snapshot, start.after = await self._snapshots.snapshot(identity, key)
        start.snapshots.append(snapshot)
        start.entries = []
