"""The live events of a trunk: each crosses once, with the numbers of those who get it."""

from collections import deque
from collections.abc import Callable, Sequence

from blackroad.core.channel.directory import Change, Directory
from blackroad.core.channel.pump import Pump
from blackroad.core.gateway.frames import (
    MAX_FRAME_BYTES,
    Numbered,
    Operation,
    TrunkFrame,
    batch_responses,
    live_frames,
    replayed_frames,
)
from blackroad.core.gateway.numbers import Numbers
from blackroad.core.gateway.privacy import Privacy
from blackroad.core.hub.gate import Gate
from blackroad.core.hub.hub import Hub
from blackroad.core.limits.budget import Budget
from blackroad.core.log.base import GapReason, Page
from blackroad.core.log.entry import Entry, Positions
from blackroad.core.outbox import Outbox
from blackroad.realtime.v1 import channel_pb2, gateway_pb2

MAX_QUEUED_BYTES = 64 << 20
REPLAY_BYTES = 1 << 20


class Feed:
    """What a trunk follows, as numbers, and the queue to its LIVE stream.

    Operations (Join, Part, Bookmark) keep their place among the events. Where the queue overflows
    all of it is dropped, and the feed follows again from the log: it replays what was dropped, with
    each operation where it belongs. A feed that is made with a place to follow `after` replays what
    comes after it, too, once it is told to `go_on`: so an edge that comes back has what its former
    trunk missed. `lost` is called where the log has not all of it any more; nothing comes after
    that.
    """

    def __init__(
        self,
        hub: Hub,
        directory: Directory,
        pump: Pump,
        lost: Callable[[], None],
        max_queued_bytes: int = MAX_QUEUED_BYTES,
        after: Positions | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.outbox: Outbox[TrunkFrame] = Outbox(
            batch_responses, self._overflow, max_queued_bytes, budget
        )
        self.outbox.batching = True
        self.unmarked = False
        self.privacy = Privacy(hub.is_private, lambda: hub.heads)
        self._hub = hub
        self._directory = directory
        self._pump = pump
        self._lost = lost
        self._numbers = Numbers()
        self._pending: list[Numbered] = []
        self._flushed = hub.heads
        self._gate = Gate(self._flush, hub.turn)
        self._behind = after
        self._operations: deque[Operation] = deque()
        directory.listeners.append(self._note)

    def offer(self, run: Sequence[Entry], topic: str) -> None:
        """Take entries; the numbers of several topics that match them are joined."""
        if self._behind is not None:
            return
        # A topic may have gone while its entry is offered around.
        numbers = self._numbers.of(topic)
        pending = self._pending
        if pending and pending[-1][0] is run[-1]:
            for _, joined in pending[-len(run) :]:
                joined.extend(numbers)
        else:
            pending += [(entry, numbers.copy()) for entry in run]
            self._gate.request()

    def operate(self, frame: bytes) -> None:
        """Queue an operation at the hub's present place among the events."""
        self._gate.open()  # which may overflow
        operation = Operation(frame, self._hub.heads)
        self.unmarked = True
        if self._behind is None:
            self.outbox.put(operation)
        else:
            self._operations.append(operation)

    def restore(self, frame: bytes) -> None:
        """Queue an operation before all that is replayed. Only before `go_on`."""
        if self._behind is None:
            raise AssertionError("nothing is restored on this trunk")
        self.outbox.put(Operation(frame, self._behind))

    def go_on(self) -> None:
        """Begin to replay, where the feed was made to. Idempotent."""
        if self._behind is not None:
            self._pump.add(self)

    def mark(self, frame: bytes) -> None:
        """Queue a bookmark: it holds for all who have joined."""
        self.operate(frame)
        self.unmarked = False

    def take_number(self, topic: str, label: str, *, restored: bool = False) -> int:
        """Return the number of a topic under a label, with one member more.

        From now on; where it is restored, from where the replay begins.
        """
        since = self._behind if restored and self._behind is not None else self._hub.heads
        number = self._numbers.take(topic, label, since)
        if number.members == 1:
            self._hub.attach(self, topic)
        return number.number

    def drop_number(self, topic: str, label: str) -> int:
        """Return the number of a topic under a label, with one member less.

        Without members it is gone.
        """
        if self._behind is None:
            self._gate.open()
        number = self._numbers.drop(topic, label)
        if not self._numbers.of(topic):
            self._hub.detach(self, topic)
        return number.number

    def close(self) -> None:
        """Hand on nothing more. Idempotent. Numbers stay until their sessions drop them."""
        self._pump.discard(self)
        self._gate.close()
        self._pending.clear()
        if self._note in self._directory.listeners:
            self._directory.listeners.remove(self._note)
        for topic in self._numbers.topics:
            self._hub.detach(self, topic)

    # Catching up by pull (channel.pump.Source).

    @property
    def roomy(self) -> bool:
        """Whether the next page of a replay should be read."""
        return self.outbox.half_empty and self.outbox.size < REPLAY_BYTES

    @property
    def behind(self) -> bool:
        """Whether the feed replays what was dropped."""
        return self._behind is not None

    async def step(self) -> bool:
        """Replay one page, or the next operations; answer whether there is more."""
        if self._behind is None:
            return False
        while self._operations and self._operations[0].after == self._behind:
            self.outbox.put(self._operations.popleft())
        until = self._operations[0].after if self._operations else self._hub.heads
        if self._behind == until:
            self._flushed, self._behind = self._hub.heads, None
            return False
        return await self._read(self._behind, until)

    async def _read(self, after: Positions, until: Positions) -> bool:
        """Replay one page; answer whether there may be more."""
        topics = self._numbers.followed(after)
        await self._hub.log.ready(topics)
        page = self._hub.log.read(topics, after, until, MAX_FRAME_BYTES, lambda key: True)
        if page is None:
            page = await self._hub.log.fetch(topics, after, until)
        if isinstance(page, GapReason):
            self._lost()
            return False
        if isinstance(page, Page):
            self._replay(page, after)
        return True

    def _replay(self, page: Page, after: Positions) -> None:
        events: list[Numbered] = []
        floor = self._directory.ledger.floor
        for entry in page.entries:
            if entry.offset > floor(entry.key):
                matched = self._numbers.match(entry.key, private=self.privacy.at(entry))
                if matched:
                    events.append((entry, matched))
        for frame in replayed_frames(events, after):
            self.outbox.put(frame)  # a page is read only where there is room
        self._behind = page.reached

    def _note(self, change: Change) -> None:
        """Remember what a channel was, as long as something from before waits."""
        if self._behind is not None or self._pending or self.outbox.size:
            self.privacy.take(change)

    def _overflow(self, frame: TrunkFrame) -> None:
        dropped = [*self.outbox.drop_live(), frame]
        operations = [one for one in dropped if isinstance(one, Operation)]
        self._operations.extendleft(reversed(operations))  # they come before those that wait
        self._behind = dropped[0].after
        lagging = channel_pb2.Lagging(dropped_bytes=sum(one.size for one in dropped))
        self.outbox.put(gateway_pb2.TrunkResponse(lagging=lagging).SerializeToString())
        self._pump.add(self)

    def _flush(self) -> bool:
        after, self._flushed = self._flushed, self._hub.heads
        pending, self._pending = self._pending, []
        if self._behind is None and not self.outbox.size:
            self._numbers.forget_former()
            self.privacy.forget()
        self.unmarked = self.unmarked and not pending
        for frame in live_frames(pending, after):
            if not self.outbox.put_live(frame):
                break
        return bool(pending)
