"""The live events of a trunk: each crosses once, with the numbers of those who get it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

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
from blackroad.core.hub.gate import Gate
from blackroad.core.hub.hub import Hub
from blackroad.core.log.base import GapReason, Page
from blackroad.core.log.entry import Entry, Positions
from blackroad.core.names import is_pattern
from blackroad.core.outbox import Outbox
from blackroad.core.topics import Topics
from blackroad.realtime.v1 import channel_pb2, gateway_pb2

MAX_QUEUED_BYTES = 64 << 20
REPLAY_BYTES = 1 << 20


@dataclass(slots=True, eq=False)
class Number:
    """A followed topic and a label; `members` counts the subscriptions that it serves."""

    number: int
    topic: str
    label: str
    members: int = 0


class Feed:
    """What a trunk follows, as numbers, and the queue to its LIVE stream.

    Operations (Join, Part, Bookmark) keep their place among the events. Where the queue overflows
    all of it is dropped, and the feed follows again from the log: it replays what was dropped, with
    each operation where it belongs. `lost` is called where the log has not all of it any more;
    nothing comes after that.
    """

    def __init__(
        self,
        hub: Hub,
        pump: Pump,
        lost: Callable[[], None],
        max_queued_bytes: int = MAX_QUEUED_BYTES,
    ) -> None:
        self.outbox: Outbox[TrunkFrame] = Outbox(batch_responses, self._overflow, max_queued_bytes)
        self.outbox.batching = True
        self._hub = hub
        self._pump = pump
        self._lost = lost
        self._numbers: dict[tuple[str, str], Number] = {}
        self._of_topic: dict[str, list[Number]] = {}
        self._former: list[Number] = []  # without members, while events for them may be queued
        self._last_number = 0
        self._pending: list[Numbered] = []
        self._flushed = hub.heads
        self._gate = Gate(self._flush)
        self._behind: Positions | None = None
        self._operations: deque[Operation] = deque()

    def offer(self, entry: Entry, topic: str) -> None:
        """Take an entry; the numbers of several topics that match it are joined."""
        if self._behind is not None:
            return
        # A topic may have gone while its entry is offered around.
        numbers = [number.number for number in self._of_topic.get(topic, ())]
        pending = self._pending
        if pending and pending[-1][0] is entry:
            pending[-1][1].extend(numbers)
        else:
            pending.append((entry, numbers))
            self._gate.request()

    def operate(self, frame: bytes) -> None:
        """Queue an operation at the hub's present place among the events."""
        self._gate.open()  # which may overflow
        operation = Operation(frame, self._hub.heads)
        if self._behind is None:
            self.outbox.put(operation)
        else:
            self._operations.append(operation)

    def take_number(self, topic: str, label: str) -> int:
        """Return the number of a topic under a label, with one member more."""
        number = self._numbers.get((topic, label))
        if number is None:
            self._last_number += 1
            number = self._numbers[topic, label] = Number(self._last_number, topic, label)
            of_topic = self._of_topic.setdefault(topic, [])
            of_topic.append(number)
            if len(of_topic) == 1:
                self._hub.attach(self, topic)
        number.members += 1
        return number.number

    def drop_number(self, topic: str, label: str) -> int:
        """Return the number of a topic under a label, with one member less.

        Without members it is gone.
        """
        number = self._numbers[topic, label]
        number.members -= 1
        if not number.members:
            self._gate.open()
            del self._numbers[topic, label]
            self._of_topic[topic].remove(number)
            if not self._of_topic[topic]:
                del self._of_topic[topic]
                self._hub.detach(self, topic)
            self._former.append(number)
        return number.number

    def close(self) -> None:
        """Hand on nothing more. Idempotent. Numbers stay until their sessions drop them."""
        self._pump.discard(self)
        self._gate.close()
        self._pending.clear()
        for topic in self._of_topic:
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
        """Replay one page, or the next operation; answer whether there is more."""
        if self._behind is None:
            return False
        until = self._operations[0].after if self._operations else self._hub.heads
        if self._behind == until:
            return self._operate_or_end()
        topics = list({number.topic: None for number in (*self._numbers.values(), *self._former)})
        page = self._hub.log.read(topics, self._behind, until, MAX_FRAME_BYTES, lambda key: True)
        if page is None:
            page = await self._hub.log.fetch(topics, self._behind, until)
        if isinstance(page, GapReason):
            self._lost()
            return False
        if isinstance(page, Page):
            self._replay(page, self._behind)
        return True

    def _operate_or_end(self) -> bool:
        if self._operations:
            self.outbox.put(self._operations.popleft())
            return True
        self._flushed, self._behind = self._hub.heads, None
        return False

    def _replay(self, page: Page, after: Positions) -> None:
        matching: Topics[Number] = Topics()
        for number in (*self._numbers.values(), *self._former):
            matching.add(number.topic, number)
        events: list[Numbered] = []
        for entry in page.entries:
            private = self._hub.is_private(entry.key)
            matched = [
                number.number
                for number in matching.match(entry.key)
                if not (private and is_pattern(number.topic))
            ]
            if matched:
                events.append((entry, matched))
        for frame in replayed_frames(events, after):
            self.outbox.put(frame)  # a page is read only where there is room
        self._behind = page.reached

    def _overflow(self, frame: TrunkFrame) -> None:
        dropped = [*self.outbox.drop_live(), frame]
        self._operations.extend(one for one in dropped if isinstance(one, Operation))
        self._behind = dropped[0].after
        lagging = channel_pb2.Lagging(dropped_bytes=sum(one.size for one in dropped))
        self.outbox.put(gateway_pb2.TrunkResponse(lagging=lagging).SerializeToString())
        self._pump.add(self)

    def _flush(self) -> bool:
        after, self._flushed = self._flushed, self._hub.heads
        pending, self._pending = self._pending, []
        if self._former and self._behind is None and not self.outbox.size:
            self._former.clear()
        for frame in live_frames(pending, after):
            if not self.outbox.put_live(frame):
                break
        return bool(pending)
