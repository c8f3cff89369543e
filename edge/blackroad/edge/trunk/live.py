"""LIVE: events, joins and parts, applied in the one order in which they come."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from blackroad.edge.fanout import Fanout, Mark
from blackroad.edge.frames.answer import ENDINGS
from blackroad.edge.trunk.follower import Follower
from blackroad.edge.trunk.rollups import Rollups
from blackroad.edge.trunk.session import Session
from blackroad.edge.trunk.viewers import Viewers
from blackroad.realtime.v1 import event_pb2, gateway_pb2

GENERATION_BITS: Final = 32
PRELUDE: Final = frozenset({"queued", "started"})


class Live:
    """Hands live events to the fan-out, and knows where they stand.

    `cursor` is that of the last event or bookmark; `turn` counts how often it moved. A number is
    the core's with the link's generation in front: a new core counts anew.
    """

    def __init__(
        self,
        fanout: Fanout[event_pb2.Event, str],
        sessions: Mapping[int, Session],
        viewers: Viewers,
    ) -> None:
        self.cursor = ""
        self.turn = 0
        self.delivered = 0
        self.lagged = 0
        self.rollups = Rollups(self._publish)
        self._taking = ""  # the cursor of the event that is taken now
        self._fanout = fanout
        self._sessions = sessions
        self._generation = 0
        self._viewers = viewers

    def take(self, response: gateway_pb2.TrunkResponse) -> None:
        """Apply one frame."""
        match response.WhichOneof("frame"):
            case "live":
                for item in response.live.events:
                    self._take_event(item)
            case "join":
                self._join(response)
            case "part":
                self._part(response)
            case "bookmark":
                self.rollups.flush()
                self._move(response.bookmark.cursor)
                self._fanout.advance(response.bookmark.cursor)
            case "lagging":
                self.lagged += 1
            case _:
                pass

    def _take_event(self, item: gateway_pb2.TrunkEvent) -> None:
        event, generation = item.event, self._generation
        self._taking = event.cursor
        numbers = [generation | number for number in item.numbers]
        if event.HasField("answer"):
            kind = event.answer.WhichOneof("update")
            if event.channel in self._viewers.unbegun and kind not in PRELUDE:
                self._viewers.begin(event)
            self.rollups.feed(event, numbers, self.cursor)
            if kind in ENDINGS:
                self._viewers.end(event.channel, numbers)
        else:
            self.rollups.flush(numbers)
            self._publish(event, numbers)
        self._move(event.cursor)

    def _publish(self, event: event_pb2.Event, numbers: Sequence[int]) -> None:
        self.delivered += 1
        position, mark = self.rollups.safe, None
        if position is None:
            # All that was taken is out with it, whatever came after an answer's last delta.
            position = event.cursor if event.cursor == self._taking else self.cursor
        elif event.offset:
            mark = Mark(event.channel, event.epoch, event.offset)
        self._fanout.publish(event, numbers, position, event.ByteSize(), mark)

    def _move(self, cursor: str) -> None:
        if cursor:
            self.cursor = cursor
            self.turn += 1

    def _join(self, response: gateway_pb2.TrunkResponse) -> None:
        session = self._sessions.get(response.session)
        number = self._generation | response.join.number
        if session is None or session.receiver is None:
            return
        self.rollups.flush([number])
        key = response.request_id or response.join.request_id
        subscription = session.take_join(number, key, response.join.channel)
        if subscription is not None:
            shown = subscription.request_id if subscription.invoked else None
            if response.join.restored:
                session.take_restored(subscription)
            held = not subscription.caught_up
            self._fanout.join(session.receiver, number, shown or "", held=held)

    def _part(self, response: gateway_pb2.TrunkResponse) -> None:
        session = self._sessions.get(response.session)
        number = self._generation | response.part.number
        if session is None or session.receiver is None:
            return
        session.following.part(number)
        self.part(session, [number])

    def part(self, session: Follower, numbers: Collection[int]) -> None:
        """Take a session off numbers, with what has come for them. Idempotent."""
        if session.receiver is not None:
            self.rollups.flush(list(numbers))
            for number in numbers:
                self._fanout.part(session.receiver, number)

    def begin(self, generation: int) -> None:
        """Begin with a new link, which counts its numbers anew."""
        self._generation = generation << GENERATION_BITS

    def end(self) -> None:
        """Note where everything stands, since the link is lost: all its numbers are void."""
        self.rollups.forget()
        for session in self._sessions.values():
            numbers = session.suspend()
            if session.receiver is not None:
                for number in numbers:
                    self._fanout.part(session.receiver, number)
