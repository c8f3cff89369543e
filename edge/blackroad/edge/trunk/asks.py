"""What was asked of the core and is not answered yet, each with a deadline."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from blackroad.edge.errors import Refusal, from_rejected
from blackroad.realtime.v1 import common_pb2, gateway_pb2

Answer = gateway_pb2.TrunkResponse | Refusal
OnAnswer = Callable[[Answer], None]


# What is perhaps done twice, or perhaps not at all, where nobody knows whether it was done.
UNSURE: Final = frozenset({"publish", "start", "input"})


@dataclass(slots=True)
class Ask:
    """One question: its frame, who waits, and until when."""

    frame: gateway_pb2.TrunkRequest
    on_answer: OnAnswer
    expires_seconds: float
    sent: bool
    unsettled: bool = False  # a core that was lost may have done it, whatever the next one says

    @property
    def unsure(self) -> bool:
        """Whether it may have been done, so that nobody can say that it was not."""
        return self.sent and self.frame.WhichOneof("frame") in UNSURE

    @property
    def repeatable(self) -> bool:
        """Whether asking twice does what asking once does."""
        return not self.unsure or bool(self.frame.publish.idempotency_key)

    def answered_by(self, response: gateway_pb2.TrunkResponse) -> bool:
        """Whether a frame answers it.

        An Invoke's Subscribed may come before the answer, on another stream; so may the end of a
        subscription before its Subscribed.
        """
        asked = self.frame.WhichOneof("frame")
        match response.WhichOneof("frame"):
            case "subscribed":
                return asked == "subscribe"
            case "unsubscribed":
                return asked == "unsubscribe"
            case _:
                return True

    def refusal(self, code: str) -> Refusal:
        """Return what to say when no answer has come."""
        return Refusal("unknown" if self.unsure else code)

    def refused(self, rejected: common_pb2.Rejected) -> Refusal:
        """Return what to say when a core has refused it."""
        return Refusal("unknown") if self.unsettled else from_rejected(rejected)


class Asks:
    """All open questions; each is answered once, by a core or by its deadline.

    A core has `deadline_seconds` for its answer. Without a core they wait for one `wait_seconds`.
    """

    def __init__(self, deadline_seconds: float, wait_seconds: float) -> None:
        self._deadline_seconds = deadline_seconds
        self._wait_seconds = wait_seconds
        self._asked: OrderedDict[str, Ask] = OrderedDict()
        self._waiting: OrderedDict[str, Ask] = OrderedDict()
        self._timer: asyncio.Handle | None = None
        self._due_seconds = 0.0  # the timer's: uvloop's cannot always say it

    def __len__(self) -> int:
        return len(self._asked) + len(self._waiting)

    def add(self, frame: gateway_pb2.TrunkRequest, on_answer: OnAnswer, *, sent: bool) -> None:
        """Wait for the answer to a frame, by its request_id, or first for a core."""
        seconds = self._deadline_seconds if sent else self._wait_seconds
        expires_seconds = asyncio.get_running_loop().time() + seconds
        ask = Ask(frame, on_answer, expires_seconds, sent)
        (self._asked if sent else self._waiting)[frame.request_id] = ask
        self._watch(expires_seconds)

    def answer(self, response: gateway_pb2.TrunkResponse) -> bool:
        """Hand on an answer; False where nobody waits for it (any more)."""
        ask = self._asked.get(response.request_id)
        if ask is None or not ask.answered_by(response):
            return False
        del self._asked[response.request_id]
        match response.WhichOneof("frame"):
            case "rejected":
                ask.on_answer(ask.refused(response.rejected))
            case "session_refused":
                ask.on_answer(from_rejected(response.session_refused.rejected))
            case _:
                ask.on_answer(response)
        return True

    def lost(self) -> None:
        """Take that the core is gone.

        What may have been done and cannot be asked again is `unknown`; all else waits.
        """
        asked, self._asked = self._asked, OrderedDict()
        latest_seconds = asyncio.get_running_loop().time() + self._wait_seconds
        for request_id, ask in asked.items():
            if ask.repeatable:
                ask.unsettled = ask.unsure
                ask.expires_seconds = min(ask.expires_seconds, latest_seconds)
                self._waiting[request_id] = ask
                self._watch(ask.expires_seconds)
            else:
                ask.on_answer(ask.refusal("unavailable"))

    def again(self) -> Iterator[gateway_pb2.TrunkRequest]:
        """Yield what waits for a core, to be asked of this one."""
        while self._waiting:
            request_id, ask = self._waiting.popitem(last=False)
            ask.sent = True
            ask.expires_seconds = asyncio.get_running_loop().time() + self._deadline_seconds
            self._asked[request_id] = ask
            self._watch(ask.expires_seconds)
            yield ask.frame

    def close(self) -> None:
        """Answer all `unavailable`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for asks in (self._waiting, self._asked):
            while asks:
                _, ask = asks.popitem(last=False)
                ask.on_answer(ask.refusal("unavailable"))

    def _watch(self, due_seconds: float) -> None:
        """Look for what has expired at this time, or before."""
        if self._timer is not None:
            if self._due_seconds <= due_seconds:
                return
            self._timer.cancel()
        self._due_seconds = due_seconds
        self._timer = asyncio.get_running_loop().call_at(due_seconds, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for asks, code in ((self._waiting, "unavailable"), (self._asked, "deadline_exceeded")):
            while asks and (first := next(iter(asks.values()))).expires_seconds <= now:
                asks.popitem(last=False)
                first.on_answer(first.refusal(code))
        for asks in (self._waiting, self._asked):
            if asks:
                self._watch(next(iter(asks.values())).expires_seconds)
