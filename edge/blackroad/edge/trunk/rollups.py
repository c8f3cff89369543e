"""The roll-ups of all answers in progress, in front of the fan-out."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from blackroad.edge.frames.answer import ENDINGS
from blackroad.edge.frames.rollup import Rollup
from blackroad.realtime.v1 import event_pb2

# An answer whose ending never came here is forgotten when so many others have begun.
MAX_IDLE: Final = 10_000

Publish = Callable[[event_pb2.Event, Sequence[int]], None]


class Waiting(NamedTuple):
    """What waits of an answer: until when, and the cursor before it.

    The timer cannot be asked: uvloop's is no TimerHandle where its time has all but come.
    """

    timer: asyncio.Handle
    due_seconds: float
    before: str


class Rollups:
    """Takes live updates of answers and publishes what they become, in order.

    Whoever publishes anything else to numbers of an answer, changes who belongs to them, or tells
    anybody a cursor, calls `flush` before.
    """

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._answers: dict[str, tuple[Rollup, Sequence[int]]] = {}
        self._waiting: dict[str, Waiting] = {}

    @property
    def safe(self) -> str | None:
        """A cursor before all that waits; None where nothing waits."""
        return next((waits.before for waits in self._waiting.values()), None)

    def feed(self, event: event_pb2.Event, numbers: Sequence[int], before: str) -> None:
        """Take one update for these numbers; `before` is the cursor before it."""
        loop = asyncio.get_running_loop()
        channel = event.channel
        rollup, former = self._answers.get(channel, (None, numbers))
        if rollup is None:
            rollup = Rollup()
        elif former != numbers:
            self._flush(channel)
        self._answers[channel] = (rollup, numbers)
        out = rollup.feed(event, loop.time())
        self._wait(channel, rollup, before)  # first: what goes out now waits no more (`safe`)
        for each in out:
            self._publish(each, numbers)
        if event.answer.WhichOneof("update") in ENDINGS:
            self._answers.pop(channel, None)
        elif len(self._answers) > MAX_IDLE:
            self._answers = {name: self._answers[name] for name in self._waiting}

    def flush(self, numbers: Sequence[int] | None = None) -> None:
        """Publish what waits, all of it or only what goes to one of these numbers."""
        if not self._waiting:
            return
        for channel in list(self._waiting):
            if numbers is None or not set(numbers).isdisjoint(self._answers[channel][1]):
                self._flush(channel)

    def forget(self) -> None:
        """Publish what waits, and begin anew: the numbers are not valid any more."""
        self.flush()
        self._answers.clear()

    def _wait(self, channel: str, rollup: Rollup, before: str) -> None:
        due = rollup.due_seconds
        waits = self._waiting.get(channel)
        if waits is not None and waits.due_seconds != due:
            waits.timer.cancel()
            del self._waiting[channel]
        if due is not None and channel not in self._waiting:
            loop = asyncio.get_running_loop()
            timer = loop.call_at(due, self._flush, channel)
            self._waiting[channel] = Waiting(timer, due, before)

    def _flush(self, channel: str) -> None:
        waits = self._waiting.pop(channel, None)
        if waits is not None:
            waits.timer.cancel()
        rollup, numbers = self._answers[channel]
        for out in rollup.flush(asyncio.get_running_loop().time()):
            self._publish(out, numbers)
