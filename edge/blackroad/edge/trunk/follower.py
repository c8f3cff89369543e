"""What a session follows on the trunk: what the core says of it, and how it is resumed."""

import asyncio
from collections.abc import Collection, Mapping

from blackroad.edge.fanout import NO_MARKS, Receiver
from blackroad.edge.frames.answer import CHANNEL_PREFIX
from blackroad.edge.trunk.following import Following
from blackroad.edge.trunk.hearer import Hearer
from blackroad.edge.trunk.patterns import is_answer
from blackroad.edge.trunk.restored import channel_gap, lost_answer
from blackroad.edge.trunk.subscription import Subscription
from blackroad.edge.trunk.upstream import Upstream
from blackroad.realtime.v1 import channel_pb2, common_pb2, gateway_pb2

Response = gateway_pb2.TrunkResponse
Request = gateway_pb2.TrunkRequest


class Follower:
    """The part of a `Session` that follows.

    What was told to the hearer once is not told again, through all overflows and other cores.
    """

    def __init__(self, upstream: Upstream, number: int) -> None:
        self.number = number
        self.following = Following()
        self.hearer: Hearer | None = None
        self.receiver: Receiver[str] | None = None
        self.closed = False
        self._put_off: set[Subscription] = set()  # asked for again when the rate allows it
        self._upstream = upstream

    @property
    def subscriptions(self) -> dict[str, Subscription]:
        """What stands, by name."""
        return self.following.by_name

    @property
    def bookmark(self) -> str:
        """A cursor for all that the client knows to be live; empty where there is none now."""
        self._upstream.settle()
        turn = self._upstream.turn
        for subscription in self.subscriptions.values():
            settled = subscription.joined_turn is not None and turn > subscription.joined_turn
            if subscription.told_caught_up and not (subscription.caught_up and settled):
                return ""
            if subscription.numbers and not subscription.caught_up:
                return ""  # live events wait for what was missed
        return self._upstream.cursor if self.subscriptions else ""

    @property
    def viewing(self) -> bool:
        """Whether an answer that it has asked for, or follows by name, is to end here."""
        if self.following.asking:
            return True
        waits = self._upstream.viewers.waits
        return self._upstream.up and any(waits(name, self) for name in self.following.by_name)

    # What the core says.

    def take_subscribed(self, response: Response) -> None:
        """Take a Subscribed that answers no open question: the edge's own, or an Invoke's."""
        subscription = self.following.find(response.request_id, response.subscribed.channel)
        if subscription is not None:
            self._stand(subscription, response.subscribed)

    def _stand(self, subscription: Subscription, subscribed: channel_pb2.Subscribed) -> None:
        self._name(subscription, subscribed.channel)
        subscription.cursor = subscribed.cursor
        if self.hearer is None:
            return
        if not subscription.told_subscribed:
            subscription.told_subscribed = True
            self.hearer.on_subscribed(subscribed, subscription.request_id)
        elif subscribed.HasField("recovered") and not subscribed.recovered:
            gap = channel_gap(subscribed)
            self.hearer.on_gap(gap)
        if subscription.over is not None:  # that came first, on another stream
            self._end_subscription(subscription, subscription.over)

    def _name(self, subscription: Subscription, channel: str) -> None:
        replaced = self.following.name(subscription, channel)
        if replaced is not None:
            self._leave(replaced)
        if is_answer(channel):
            self._upstream.viewers.watch(channel, self)

    def take_join(self, number: int, key: str, channel: str) -> Subscription | None:
        """Take that a number serves a subscription; None where it serves none any more."""
        subscription = self.following.find(key, channel)
        if subscription is None or self.receiver is None:
            return None
        if not subscription.channel:  # LIVE may be ahead of the answer to an Invoke
            self._name(subscription, channel)
        elif not subscription.told_subscribed and is_answer(channel):
            self._upstream.viewers.watch(channel, self)  # its ending may be ahead of Subscribed
        if not subscription.settled:
            subscription.joined_turn = self._upstream.turn
        subscription.numbers.add(number)
        return subscription

    def take_restored(self, subscription: Subscription) -> None:
        """Take that a subscription goes on where LIVE stood: its client notices nothing."""
        subscription.caught_up = True
        if not subscription.told_caught_up and self.hearer is not None:
            subscription.told_caught_up = True
            self.hearer.on_caught_up(
                channel_pb2.CaughtUp(channel=subscription.channel, cursor=subscription.cursor)
            )

    def take_caught_up(self, key: str, caught_up: channel_pb2.CaughtUp) -> None:
        """Take that a subscription is live; what was held for it goes on."""
        subscription = self.following.find(key, caught_up.channel)
        if subscription is None or self.hearer is None:
            return
        subscription.caught_up = True
        subscription.passed = None
        if caught_up.cursor:
            subscription.cursor = caught_up.cursor
        if not subscription.told_caught_up:
            subscription.told_caught_up = True
            self.hearer.on_caught_up(caught_up)
        self._release(subscription)
        self._let_endings_out()

    def take_rejected(self, response: Response) -> None:
        """Take that the edge's own request for a subscription was refused: it has ended.

        Where only the session's rate is used up it is asked for again.
        """
        subscription = self.following.find(response.request_id)
        if subscription is None or not subscription.told_subscribed:
            return
        if response.rejected.code == common_pb2.ERROR_CODE_RATE_LIMITED:
            seconds = response.rejected.retry_after.ToTimedelta().total_seconds()
            self._put_off.add(subscription)
            asyncio.get_running_loop().call_later(seconds, self._resume_later, subscription)
            return
        self._forget(subscription)
        if self.hearer is None:
            return
        channel, code = subscription.channel, response.rejected.code
        if subscription.invoked:
            self.hearer.on_delivery(lost_answer(channel), subscription.request_id)
            self.hearer.on_answer_ended(channel.removeprefix(CHANNEL_PREFIX))
        else:
            self.hearer.on_unsubscribed(channel_pb2.Unsubscribed(channel=channel, code=code))

    def take_unsubscribed(self, response: Response) -> None:
        """Take that the core has ended a subscription, perhaps before it is told to stand."""
        channel = response.unsubscribed.channel
        subscription = self.following.find(response.request_id, channel)
        if subscription is None:
            return
        if subscription.told_subscribed:
            self._end_subscription(subscription, response.unsubscribed)
        else:
            subscription.over = response.unsubscribed

    def _end_subscription(
        self, subscription: Subscription, unsubscribed: channel_pb2.Unsubscribed
    ) -> None:
        self._forget(subscription)
        if not subscription.invoked and self.hearer is not None:
            self.hearer.on_unsubscribed(unsubscribed)

    def take_ending(self, channel: str, numbers: Collection[int]) -> bool:
        """Take an answer's ending on LIVE, for these numbers; whether the client gets it now.

        One that waits for what was missed is out with CaughtUp, one behind what is not read yet
        with the queue: should that be full, it comes again. Who does not belong to the numbers, not
        yet or not any more, gets it on CATCH_UP.
        """
        subscription = self.following.joined(channel)
        if subscription is None or self.receiver is None:
            return False
        if subscription.numbers.intersection(numbers).isdisjoint(self.receiver.seats):
            return False
        subscription.ending_held = not subscription.caught_up or self.receiver.waiting
        return not subscription.ending_held

    def _let_endings_out(self) -> None:
        if self.receiver is None or self.receiver.waiting:
            return
        for subscription in list(self.subscriptions.values()):
            if subscription.ending_held and subscription.caught_up:
                subscription.ending_held = False
                self._upstream.viewers.ended(subscription.channel, self)

    def answer_ended(self, channel: str) -> None:
        """Take that an answer has ended; one of this session's own is not followed any more."""
        subscription = self.subscriptions.get(channel)
        if subscription is None:
            return
        if self.hearer is not None:
            self.hearer.on_answer_ended(channel.removeprefix(CHANNEL_PREFIX))
        if subscription.invoked:
            self._forget(subscription)
            unsubscribe = channel_pb2.Unsubscribe(channel=channel)
            self._upstream.say(Request(session=self.number, unsubscribe=unsubscribe))

    def _forget(self, subscription: Subscription) -> None:
        self._leave(subscription)
        self.following.forget(subscription)
        if subscription.channel not in self.subscriptions:
            self._upstream.viewers.unwatch(subscription.channel, self)

    def _leave(self, subscription: Subscription) -> None:
        """Get nothing more of a subscription, whatever is on its way."""
        numbers = self.following.own_numbers(subscription)
        if numbers and self.receiver is not None:
            self._upstream.part(self, numbers)
        self._release(subscription)
        subscription.numbers.clear()
        self._let_endings_out()

    def _release(self, subscription: Subscription) -> None:
        if self.receiver is not None:
            for number in subscription.numbers:
                self.receiver.release(number)

    # How it is resumed.

    def on_overflow(self, lost: Mapping[int, str | None]) -> None:
        """Resume what a full queue has dropped, from where it was dropped."""
        passed = NO_MARKS if self.receiver is None else self.receiver.passed
        for subscription, position in self.following.lose(lost, passed).items():
            subscription.cursor = position or subscription.cursor
            self._resume(subscription)

    def _resume_later(self, subscription: Subscription) -> None:
        if subscription not in self._put_off:
            return  # a new core was asked for it
        self._put_off.discard(subscription)
        if not self.closed and self.following.find(subscription.key) is subscription:
            self._resume(subscription)

    def _resume(self, subscription: Subscription) -> None:
        self._release(subscription)
        self.following.ask_again(subscription, self._upstream.key())
        self._upstream.say(subscription.request(self.number, subscription.cursor))

    def suspend(self) -> set[int]:
        """Note where everything stands, since the link is lost; return the numbers to part from."""
        self._put_off.clear()
        self._drop_queued()
        lost = self.receiver.lost if self.receiver is not None else {}
        passed = NO_MARKS if self.receiver is None else self.receiver.passed
        numbers = self.following.numbers
        self.following.suspend(self._upstream.turn, self._upstream.cursor, lost, passed)
        return numbers

    def _drop_queued(self) -> None:
        """Give up live events that wait: after the loss nobody could say from where they come."""
        if self.receiver is not None and self.receiver.queued_bytes:
            self.receiver.rewind()
