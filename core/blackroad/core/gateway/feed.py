"""The live events of a trunk: each crosses once, with the numbers of those who get it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from blackroad.core.channel.pump import Pump
from blackroad.core.hub.gate import Gate
from blackroad.core.hub.hub import Hub
from blackroad.core.log.base import GapReason, Page
from blackroad.core.log.entry import Entry, Positions
from blackroad.core.names import is_pattern
from blackroad.core.outbox import Outbox
from blackroad.core.topics import Topics
from blackroad.realtime.v1 import channel_pb2, gateway_pb2
from blackroad.wire.v1 import frames_pb2

MAX_QUEUED_BYTES = 64 << 20
MAX_FRAME_BYTES = 512 << 10
REPLAY_BYTES = 1 << 20


class TrunkFrame:
    """Live events of a trunk, with their numbers, in order."""

    __slots__ = ("after", "events", "size")

    def __init__(self, events: list[frames_pb2.TrunkEvent], size: int, after: Positions) -> None:
        self.events = events
        self.size = size
        self.after = after

    @property
    def response(self) -> bytes:
        """The serialized TrunkResponse."""
        return self.joined([])

    def joined(self, others: list["TrunkFrame"]) -> bytes:
        """Return this frame and the ones that follow it as one."""
        events = [event for frame in (self, *others) for event in frame.events]
        live = frames_pb2.TrunkDelivery(events=events)
        return frames_pb2.TrunkResponse(live=live).SerializeToString()


@dataclass(slots=True)
class Number:
    """A followed topic and a label; `members` counts the subscriptions that it serves."""

    number: int
    topic: str
    label: str
    members: int = 0


class Feed:
    """What a trunk follows, as numbers, and the queue to its LIVE stream.

    Operations (Join, Part) keep their place among the events. Where the queue overflows, the events
    are dropped and the feed follows again from the log: it replays what was dropped in order, with
    each operation where it belongs.
    """

    def __init__(self, hub: Hub, pump: Pump, told_gap: Callable[[GapReason], None]) -> None:
        self.outbox: Outbox[TrunkFrame] = Outbox(batch_responses, self._overflow, MAX_QUEUED_BYTES)
        self.outbox.batching = True
        self._hub = hub
        self._pump = pump
        self._told_gap = told_gap
        self._numbers: dict[tuple[str, str], Number] = {}
        self._of_topic: dict[str, list[Number]] = {}
        self._last_number = 0
        self._pending: list[tuple[Entry, list[int]]] = []
        self._flushed = hub.heads
        self._gate = Gate(self._flush)
        self._behind: Positions | None = None
        self._operations: deque[tuple[Positions, bytes]] = deque()

    def offer(self, entry: Entry, topic: str) -> None:
        """Take an entry; the numbers of several topics that match it are joined."""
        if self._behind is not None:
            return
        numbers = [number.number for number in self._of_topic[topic]]
        pending = self._pending
        if pending and pending[-1][0] is entry:
            pending[-1][1].extend(numbers)
        else:
            pending.append((entry, numbers))
            self._gate.request()

    def operate(self, frame: bytes) -> None:
        """Queue an operation at the hub's present place among the events."""
        if self._behind is not None:
            self._operations.append((self._hub.heads, frame))
        else:
            self._gate.open()
            self.outbox.put(frame)

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
        return number.number

    def flush(self) -> None:
        """Queue what is pending now."""
        self._gate.open()

    def close(self) -> None:
        """Follow nothing any more. Numbers stay until their sessions, which close later, drop them."""
        self._gate.close()
        for topic in self._of_topic:
            self._hub.detach(self, topic)

    # Catching up by pull (channel.pump.Source).

    @property
    def roomy(self) -> bool:
        """Whether the next page of a replay should be read."""
        return self.outbox.size < REPLAY_BYTES

    @property
    def behind(self) -> bool:
        """Whether the feed replays what was dropped."""
        return self._behind is not None

    async def step(self) -> bool:
        """Replay one page, or the next operation; answer whether there is more."""
        if self._behind is None:
            return False
        until = self._operations[0][0] if self._operations else self._hub.heads
        if self._behind == until:
            return self._operate_or_end()
        topics = list(self._of_topic)
        page = self._hub.log.read(topics, self._behind, until, MAX_FRAME_BYTES, lambda key: True)
        if page is None:
            page = await self._hub.log.fetch(topics, self._behind, until)
        if isinstance(page, GapReason):
            self._behind = self._hub.heads
            self._told_gap(page)
        elif isinstance(page, Page):
            self._replay(page)
        return True

    def _operate_or_end(self) -> bool:
        if self._operations:
            self.outbox.put(self._operations.popleft()[1])
            return True
        self._flushed, self._behind = self._hub.heads, None
        return False

    def _replay(self, page: Page) -> None:
        matching: Topics[Number] = Topics()
        for topic, numbers in self._of_topic.items():
            for number in numbers:
                matching.add(topic, number)
        events: list[tuple[Entry, list[int]]] = []
        for entry in page.entries:
            private = self._hub.is_private(entry.key)
            matched = [
                number.number
                for number in matching.match(entry.key)
                if not (private and is_pattern(number.topic))
            ]
            if matched:
                events.append((entry, matched))
        self._queue(events, self._behind or page.reached)
        self._behind = page.reached

    def _overflow(self, frame: TrunkFrame) -> None:
        first, dropped = self.outbox.drop_live()
        self._behind = (first or frame).after
        self._pending.clear()
        lagging = channel_pb2.Lagging(dropped_bytes=dropped + frame.size)
        self.outbox.put(gateway_pb2.TrunkResponse(lagging=lagging).SerializeToString())
        self._pump.add(self)

    def _flush(self) -> bool:
        after, self._flushed = self._flushed, self._hub.heads
        pending, self._pending = self._pending, []
        self._queue(pending, after)
        return bool(pending)

    def _queue(self, events: list[tuple[Entry, list[int]]], after: Positions) -> None:
        """Queue events in frames under the bound."""
        frame: list[frames_pb2.TrunkEvent] = []
        size = 0
        reached = after
        for entry, numbers in events:
            wire = entry.wire
            if frame and size + len(wire) > MAX_FRAME_BYTES:
                self.outbox.put_live(TrunkFrame(frame, size, after))
                after, frame, size = reached, [], 0
            frame.append(frames_pb2.TrunkEvent(event=wire, numbers=numbers))
            size += len(wire) + 16
            reached = entry.after(reached)
        if frame:
            self.outbox.put_live(TrunkFrame(frame, size, after))


def batch_responses(frames: list[bytes]) -> bytes:
    """Return several serialized frames as one."""
    return frames_pb2.TrunkResponse(batch=frames_pb2.Batch(frames=frames)).SerializeToString()
