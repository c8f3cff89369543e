"""What a door implements to hear what the core says about one of its sessions."""

from typing import Protocol

from blackroad.edge.errors import Refusal
from blackroad.realtime.v1 import channel_pb2, event_pb2


class Hearer(Protocol):
    """Hears of one session; all calls are synchronous, in the order in which things happened.

    `request_id` is the client's own id, None where the client gave none. What a trunk's restoring
    sends again is not told again.
    """

    def on_subscribed(self, subscribed: channel_pb2.Subscribed, request_id: str | None, /) -> None:
        """Take that a subscription of the client's own stands."""
        ...

    def on_delivery(self, delivery: event_pb2.Delivery, request_id: str | None, /) -> None:
        """Take events of a catching-up subscription."""
        ...

    def on_snapshot(
        self,
        snapshot: event_pb2.AnswerSnapshot,
        subscription: str,
        request_id: str | None,
        invoked: bool,
        /,
    ) -> None:
        """Take an answer as it stands. Invoked: it is the client's own, which it saw begin."""
        ...

    def on_gap(self, gap: event_pb2.Gap, /) -> None:
        """Take that events are missing."""
        ...

    def on_caught_up(self, caught_up: channel_pb2.CaughtUp, /) -> None:
        """Take that a subscription is live."""
        ...

    def on_unsubscribed(self, unsubscribed: channel_pb2.Unsubscribed, /) -> None:
        """Take that a subscription has ended by the server's will."""
        ...

    def on_answer_begun(self, event: event_pb2.Event, /) -> None:
        """Take the first live update after `queued` and `started`; it is sent anyway."""
        ...

    def on_answer_ended(self, stream_id: str, /) -> None:
        """Take that the ending of an answer that the session views has been handed on."""
        ...

    def on_ended(self, refusal: Refusal, /) -> None:
        """Take that the session is over: tell the client and close. Nothing comes after it."""
        ...
