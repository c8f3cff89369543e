"""CATCH_UP: what single sessions missed, and the credit by which it flows."""

import asyncio
from collections.abc import Callable, Mapping

from blackroad.edge.frames.answer import ENDINGS
from blackroad.edge.frames.rollup import roll
from blackroad.edge.trunk.session import Session
from blackroad.edge.trunk.viewers import Viewers
from blackroad.realtime.v1 import event_pb2, gateway_pb2

Put = Callable[[gateway_pb2.TrunkRequest], None]


class CatchUp:
    """Hands what was missed to its session, and gives credit back.

    The trunk's when a frame was taken, the session's when the client has it.
    """

    def __init__(self, viewers: Viewers, sessions: Mapping[int, Session], put: Put) -> None:
        self.delivered = 0
        self._viewers = viewers
        self._sessions = sessions
        self._put = put
        self._owed: dict[int, int] = {}
        self._soon: asyncio.Handle | None = None

    def take(self, response: gateway_pb2.TrunkResponse) -> bool:
        """Apply one frame; False where it is not one of this stream's."""
        session = self._sessions.get(response.session)
        kind = response.WhichOneof("frame")
        if kind == "delivery":
            self._deliver(session, response.delivery, response.session)
        elif session is None:
            return True
        elif kind == "subscribed":
            session.take_subscribed(response)
        elif kind == "snapshot":
            self._snapshot(session, response)
        elif kind == "gap":
            self._gap(session, response)
        elif kind == "caught_up":
            session.take_caught_up(response.request_id, response.caught_up)
        else:
            return False
        return True

    def _deliver(self, session: Session | None, delivery: event_pb2.Delivery, number: int) -> None:
        size = delivery.ByteSize()
        self.owe(0, size)
        if session is None or session.hearer is None or not delivery.events:
            return
        subscription = session.subscriptions.get(delivery.subscription)
        if subscription is None:
            self.owe(number, size)
            return
        subscription.cursor = delivery.events[-1].cursor or subscription.cursor
        missed = [event for event in delivery.events if not subscription.has(event)]
        if not missed:
            self.owe(number, size)
            return
        self.delivered += len(missed)
        shown = subscription.request_id if subscription.invoked else None
        rolled = event_pb2.Delivery(events=roll(missed), subscription=delivery.subscription)
        session.hearer.on_delivery(rolled, shown)
        session.owe(size)
        if rolled.events[-1].channel == delivery.subscription:
            self._note_ending(rolled.events[-1], session)

    def _note_ending(self, event: event_pb2.Event, session: Session) -> None:
        if event.answer.WhichOneof("update") in ENDINGS:
            self._viewers.ended(event.channel, session)

    def _snapshot(self, session: Session, response: gateway_pb2.TrunkResponse) -> None:
        snapshot = response.snapshot
        channel = f"stream.{snapshot.stream_id}"
        subscription = session.following.find(response.request_id, channel)
        if subscription is None or session.hearer is None:
            return
        subscription.cursor = snapshot.cursor or subscription.cursor
        shown = subscription.request_id if subscription.invoked else None
        session.hearer.on_snapshot(snapshot, channel, shown, subscription.invoked)
        if snapshot.WhichOneof("ending"):
            self._viewers.ended(channel, session)

    def _gap(self, session: Session, response: gateway_pb2.TrunkResponse) -> None:
        subscription = session.following.find(response.request_id, response.gap.channel)
        if subscription is not None and session.hearer is not None:
            subscription.cursor = response.gap.cursor or subscription.cursor
            session.hearer.on_gap(response.gap)

    def owe(self, session: int, size: int) -> None:
        """Give back credit: at the end of this turn of the loop, all at once."""
        self._owed[session] = self._owed.get(session, 0) + size
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_soon(self._give_back)

    def _give_back(self) -> None:
        self._soon = None
        owed, self._owed = self._owed, {}
        for session, size in owed.items():
            if session == 0 or session in self._sessions:
                credit = gateway_pb2.Credit(bytes=size)
                self._put(gateway_pb2.TrunkRequest(session=session, credit=credit))

    def restart(self) -> None:
        """Begin with a new link: all windows are whole again."""
        self._owed.clear()
        for session in self._sessions.values():
            session.owed_bytes = 0
