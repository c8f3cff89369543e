"""One browser's session on the trunk: who it is, what it asks, and how it ends."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from google.protobuf.timestamp_pb2 import Timestamp

from blackroad.edge.errors import Refusal, code_of, from_rejected
from blackroad.edge.fanout import Receiver
from blackroad.edge.frames.answer import CHANNEL_PREFIX
from blackroad.edge.trunk.asks import Answer, OnAnswer
from blackroad.edge.trunk.follower import Follower
from blackroad.edge.trunk.hearer import Hearer
from blackroad.edge.trunk.opening import Opening
from blackroad.edge.trunk.subscription import Subscription
from blackroad.edge.trunk.turns import Name
from blackroad.edge.trunk.upstream import Upstream
from blackroad.realtime.v1 import (
    channel_pb2,
    common_pb2,
    gateway_pb2,
    stream_pb2,
)

Request = gateway_pb2.TrunkRequest
OnRefusal = Callable[[Refusal], None]


class Session(Follower):
    """A session that the core has accepted.

    `attach` a hearer and a receiver before anything is asked. Ends by `close` (the client went) or
    by the hearer's `on_ended` (the core ended it); both only once.
    """

    def __init__(self, upstream: Upstream, number: int, opening: Opening) -> None:
        super().__init__(upstream, number)
        self.opening = opening
        self.client_id = opening.client_id
        self.session_id = ""
        self.expire_time: Timestamp | None = None
        self.ended: Refusal | None = None
        self.owed_bytes = 0

    def accept(self, accepted: gateway_pb2.SessionAccepted) -> None:
        """Take who the core says that it is."""
        self.session_id = accepted.session_id
        self.client_id = accepted.client_id or self.client_id
        self.expire_time = accepted.expire_time if accepted.HasField("expire_time") else None
        if accepted.return_ticket:  # the one that it came with is used now
            self.opening = replace(self.opening, ticket=accepted.return_ticket)

    def attach(self, hearer: Hearer, receiver: Receiver[str]) -> None:
        """Say who hears; an ending that came before is told now."""
        self.hearer, self.receiver = hearer, receiver
        if self.ended is not None:
            hearer.on_ended(self.ended)

    # What a door asks.

    def subscribe(
        self, subscribe: channel_pb2.Subscribe, request_id: str | None, on_refusal: OnRefusal
    ) -> None:
        """Follow a channel or pattern; the hearer is told when it stands."""
        turn = (self.number, subscribe.channel)

        def begin() -> None:
            subscription = Subscription(self._upstream.key(), subscribe)
            subscription.request_id = request_id
            self.following.ask(subscription)

            def on_answer(answer: Answer) -> None:
                if isinstance(answer, Refusal):
                    self._forget(subscription)
                    on_refusal(answer)
                else:
                    self._stand(subscription, answer.subscribed)

            request = Request(request_id=subscription.key, subscribe=subscribe)
            self._ask(request, on_answer, turn)

        self._in_turn(turn, begin)

    def unsubscribe(self, channel: str, on_answer: OnAnswer) -> None:
        """Stop following; idempotent. Nothing of the subscription comes after the answer."""
        turn = (self.number, channel)

        def begin() -> None:
            def on_unsubscribed(answer: Answer) -> None:
                standing = self.subscriptions.get(channel)
                if not isinstance(answer, Refusal) and standing is not None:
                    self._forget(standing)
                on_answer(answer)

            unsubscribe = channel_pb2.Unsubscribe(channel=channel)
            request = Request(request_id=self._upstream.key(), unsubscribe=unsubscribe)
            self._ask(request, on_unsubscribed, turn)

        self._in_turn(turn, begin)

    def invoke(
        self, invoke: stream_pb2.Invoke, request_id: str | None, on_answer: OnAnswer
    ) -> None:
        """Ask for an answer and view it; `on_answer` hears of `answer_opened` or a Refusal."""
        subscription = Subscription(self._upstream.key(), channel_pb2.Subscribe())
        subscription.request_id, subscription.invoked = request_id, True
        subscription.told_subscribed = subscription.told_caught_up = True
        self.following.ask(subscription)

        def on_opened(answer: Answer) -> None:
            if isinstance(answer, Refusal):
                self._forget(subscription)
            elif not subscription.channel:
                self._name(subscription, CHANNEL_PREFIX + answer.answer_opened.stream_id)
            on_answer(answer)

        self._ask(Request(request_id=subscription.key, start=invoke), on_opened)

    def refresh(self, token: str, on_answer: OnAnswer) -> None:
        """Show a fresh token; it is the one that is shown after a loss."""

        def on_accepted(answer: Answer) -> None:
            if not isinstance(answer, Refusal):
                self.opening = replace(self.opening, token=token, ticket="")
            on_answer(answer)

        self.ask(Request(refresh=common_pb2.Refresh(token=token)), on_accepted)

    def ask(self, frame: Request, on_answer: OnAnswer) -> None:
        """Ask anything else of the core on the session's behalf."""
        frame.request_id = self._upstream.key()
        self._ask(frame, on_answer)

    def _ask(self, frame: Request, on_answer: OnAnswer, turn: Name | None = None) -> None:
        """Ask; what else was asked about the same waits for its turn until this is answered."""
        frame.session = self.number

        def answered(answer: Answer) -> None:
            if not self.closed:
                on_answer(answer)
            if turn is not None:
                self._upstream.turns.end(turn)

        self._upstream.ask(frame, answered)

    def _in_turn(self, turn: Name, begin: Callable[[], None]) -> None:
        """Ask about a channel when what was asked before is answered.

        The answers come on two streams, of which neither waits for the other.
        """
        self._upstream.turns.take(
            turn, lambda: self._upstream.turns.end(turn) if self.closed else begin()
        )

    def close(self, *, clean: bool) -> None:
        """End it because the client went. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._upstream.drop(self, clean)
        self.hearer = self.receiver = None

    # What the core says.

    def take_ended(self, closing: common_pb2.Closing) -> None:
        """Take that the core has ended the session."""
        code = code_of(closing.code) if closing.code else "cancelled"
        after = closing.retry_after.ToTimedelta().total_seconds()
        self.end(Refusal(code, closing.message, retry_after_seconds=after or None))

    def take_refused(self, refused: gateway_pb2.SessionRefused) -> None:
        """Take that a new core does not want it back."""
        self.end(from_rejected(refused.rejected))

    def on_room(self) -> None:
        """Take that the client has read what waited for it."""
        self.repay()
        self._let_endings_out()

    def owe(self, size: int) -> None:
        """Take that so many bytes of catching up were sent to the client."""
        self.owed_bytes += size
        self.repay()

    def repay(self) -> None:
        """Allow the core to send more, unless what came still waits for the client."""
        if self.owed_bytes and self.receiver is not None and not self.receiver.sink.backlogged:
            owed, self.owed_bytes = self.owed_bytes, 0
            self._upstream.repay(self.number, owed)

    def end(self, refusal: Refusal) -> None:
        """End it by the server's will. Idempotent."""
        if self.ended is None and not self.closed:
            self.ended = refusal
            if self.hearer is not None:
                self.hearer.on_ended(refusal)

    def restore(self) -> Iterator[Request]:
        """Yield what tells a new core about the session and what it follows."""
        opened = self.opening.frame(self.session_id)
        yield Request(session=self.number, session_opened=opened)
        for subscription in self.subscriptions.values():
            yield subscription.request(self.number, subscription.cursor)
