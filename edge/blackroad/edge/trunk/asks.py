"""What was asked of the core and is not answered yet, each with a deadline."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from blackroad.edge.errors import Refusal, from_rejected
from blackroad.realtime.v1 import gateway_pb2

Answer = gateway_pb2.TrunkResponse | Refusal
OnAnswer = Callable[[Answer], None]


@dataclass(slots=True)
class Ask:
    """One question: its frame, who waits, and until when."""

    frame: gateway_pb2.TrunkRequest
    on_answer: OnAnswer
    expires_seconds: float
    sent: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether asking twice does what asking once does."""
        match self.frame.WhichOneof("frame"):
            case "publish":
                return bool(self.frame.publish.idempotency_key)
            case "start":
                return False
            case _:
                return True

    def answered_by(self, response: gateway_pb2.TrunkResponse) -> bool:
        """Whether a frame answers it: an Invoke's Subscribed, on another stream, may come first."""
        return (
            response.WhichOneof("frame") != "subscribed"
            or self.frame.WhichOneof("frame") == "subscribe"
        )

    def too_late(self) -> Refusal:
        """Return what to say when no answer has come."""
        if not self.sent:
            return Refusal("unavailable")
        return Refusal("deadline_exceeded" if self.repeatable_reading else "unknown")

    @property
    def repeatable_reading(self) -> bool:
        """Whether it changes nothing, so that not knowing its end does no harm."""
        return self.frame.WhichOneof("frame") in {"list_events", "list_presence", "get_presence"}


class Asks:
    """All open questions, oldest first; each is answered once, by the core or by its deadline."""

    def __init__(self, deadline_seconds: float) -> None:
        self._deadline_seconds = deadline_seconds
        self._open: OrderedDict[str, Ask] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def add(self, frame: gateway_pb2.TrunkRequest, on_answer: OnAnswer) -> Ask:
        """Wait for the answer to a frame, by its request_id."""
        loop = asyncio.get_running_loop()
        ask = Ask(frame, on_answer, loop.time() + self._deadline_seconds)
        self._open[frame.request_id] = ask
        if self._timer is None:
            self._timer = loop.call_at(ask.expires_seconds, self._expire)
        return ask

    def answer(self, response: gateway_pb2.TrunkResponse) -> bool:
        """Hand on an answer; False where nobody waits for it (any more)."""
        ask = self._open.get(response.request_id)
        if ask is None or not ask.answered_by(response):
            return False
        del self._open[response.request_id]
        match response.WhichOneof("frame"):
            case "rejected":
                ask.on_answer(from_rejected(response.rejected))
            case "session_refused":
                ask.on_answer(from_rejected(response.session_refused.rejected))
            case _:
                ask.on_answer(response)
        return True

    def forget(self, request_id: str) -> None:
        """Wait no more; nobody is told."""
        self._open.pop(request_id, None)

    def unsettled(self) -> list[Ask]:
        """Return what is to be asked again elsewhere; what cannot be is answered `unknown`."""
        again: list[Ask] = []
        for request_id, ask in list(self._open.items()):
            if ask.sent and not ask.repeatable:
                del self._open[request_id]
                ask.on_answer(Refusal("unknown"))
            else:
                again.append(ask)
        return again

    def close(self) -> None:
        """Answer all `unavailable`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._open:
            _, ask = self._open.popitem(last=False)
            ask.on_answer(Refusal("unavailable"))

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._open:
            request_id, ask = next(iter(self._open.items()))
            if ask.expires_seconds > loop.time():
                self._timer = loop.call_at(ask.expires_seconds, self._expire)
                return
            del self._open[request_id]
            ask.on_answer(ask.too_late())
