"""The hub reads the log once for the whole node and offers each entry to its followers."""

import asyncio
from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from blackroad.core.hub.gate import Turn
from blackroad.core.log.base import Log
from blackroad.core.log.entry import Entry, Passed, Position, Positions
from blackroad.core.names import is_pattern
from blackroad.core.topics import Topics

Watcher = Callable[[Entry], None]
NEARLY_SECONDS = 1.0


class Sink(Protocol):
    """Takes entries of the topics that it is attached to."""

    def offer(self, run: Sequence[Entry], topic: str) -> None:
        """Take neighbouring entries of one channel.

        Called once for each topic of the sink that matches, one after the other. Never blocks.
        """
        ...


class Hub:
    """Hands every entry of the log to the sinks of its topics, in the order of the log.

    Topics are keys, or patterns of keys. A channel for which `is_private` is true is never matched
    by a pattern: those who may read it by a pattern follow it by its key. Control events (types
    under ``channel.`` and ``token.``) reach `control` before the event itself is offered, so that
    what they change holds from the next event on.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        # From here on nothing is missed, though `run` may begin later.
        self._batches = log.follow()
        self._heads: Positions | None = None
        self._epochs: list[int] = []
        self._sequences: list[int] = []
        self.heads = log.heads()
        self.turn = Turn()
        self.is_private: Callable[[str], bool] = lambda key: False
        self.control: Watcher = lambda entry: None
        self.missed: Callable[[Positions], None] = lambda after: None
        self.on_missed: dict[Callable[[], None], None] = {}  # who is told besides
        self._exact: dict[str, dict[Sink, None]] = {}
        self._patterns: Topics[tuple[Sink, str]] = Topics()
        self._pattern_count = 0
        self._watched: dict[tuple[str, Watcher], Sink] = {}
        self._waiting: list[tuple[Positions, int, asyncio.Future[None]]] = []
        self._tickets = 0

    @property
    def heads(self) -> Positions:
        """The places up to which everything was offered."""
        if self._heads is None:
            self._heads = tuple(map(Position, self._epochs, self._sequences))
        return self._heads

    @heads.setter
    def heads(self, heads: Positions) -> None:
        self._heads = heads
        self._epochs = [head.epoch for head in heads]
        self._sequences = [head.sequence for head in heads]

    def attach(self, sink: Sink, topic: str) -> None:
        """Offer the sink what comes on a topic from now on. Idempotent."""
        if sinks := self._exact.get(topic):
            sinks[sink] = None
        elif not is_pattern(topic):
            self._exact[topic] = {sink: None}
            self.log.want(topic)
        else:
            self._patterns.add(topic, (sink, topic))
            if len(self._patterns) > self._pattern_count:
                self.log.want(topic)
            self._pattern_count = len(self._patterns)

    def detach(self, sink: Sink, topic: str) -> None:
        """Stop offering. Idempotent."""
        if sinks := self._exact.get(topic):
            sinks.pop(sink, None)
            if not sinks:
                del self._exact[topic]
                self.log.unwant(topic)
        elif is_pattern(topic):
            self._patterns.remove(topic, (sink, topic))
            if len(self._patterns) < self._pattern_count:
                self.log.unwant(topic)
            self._pattern_count = len(self._patterns)

    @property
    def topics(self) -> int:
        """How many topics are followed: names once, patterns once by each sink."""
        return len(self._exact) + len(self._patterns)

    def watch(self, topic: str, watcher: Watcher) -> None:
        """Call a part of the core with every entry of a topic.

        Private channels included where followed by key.
        """
        sink = self._watched[topic, watcher] = _Watch(watcher)
        self.attach(sink, topic)

    def unwatch(self, topic: str, watcher: Watcher) -> None:
        """Stop calling. Idempotent."""
        if sink := self._watched.pop((topic, watcher), None):
            self.detach(sink, topic)

    async def run(self) -> None:
        """Follow the log until it closes or the task is cancelled."""
        async for batch in self._batches:
            with self.turn.batch():
                for run in _runs(batch):
                    self._dispatch(run)
            if self._waiting:
                self._wake()

    async def reached(self, positions: Positions) -> None:
        """Return when every entry up to these positions has been offered.

        Returns at once where it has.
        """
        if not _covers(self.heads, positions):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._tickets += 1
            insort(self._waiting, (positions, self._tickets, future))
            await future

    async def nearly(self, positions: Positions) -> None:
        """Return when these places are reached, or after a second.

        At once where they cannot be expected: another node that reads the same log is a little
        ahead of this one at most, and in the same epochs.
        """
        heads = self.heads
        same = len(heads) == len(positions) and all(
            head.epoch == place.epoch for head, place in zip(heads, positions, strict=True)
        )
        if not same or _covers(heads, positions):
            return
        try:
            async with asyncio.timeout(NEARLY_SECONDS):
                await self.log.freshen(positions)
                await self.reached(positions)
        except TimeoutError:
            return

    def _dispatch(self, run: Sequence[Entry]) -> None:
        first = run[0]
        key = first.key
        if not key:
            for passed in run:
                self._pass(passed)
            return
        if first.record.controls:
            self.control(first)
        self._advance(run)
        if sinks := self._exact.get(key):
            for sink in tuple(sinks):
                sink.offer(run, key)
        if self._pattern_count and not self.is_private(key):
            for sink, topic in self._patterns.match(key):
                sink.offer(run, topic)

    def _pass(self, passed: Entry) -> None:
        """Go on where nobody follows anything; see `Log.follow`."""
        if not isinstance(passed, Passed) or not self.log.pass_to(passed):
            return
        before = self.heads
        if passed.lasting is not None:
            self.control(passed.lasting)
        self._move(passed)
        if passed.lost:
            self._miss(before)

    def _miss(self, before: Positions) -> None:
        self.missed(before)
        for told in tuple(self.on_missed):
            told()

    def _advance(self, run: Sequence[Entry]) -> None:
        first, epochs, sequences = run[0], self._epochs, self._sequences
        number = first.partition
        if first.sequence != sequences[number] + 1 or first.epoch != epochs[number]:
            before = self.heads
            self._move(run[-1])
            self._miss(before)  # with this entry: who falls back reads it, too
        else:
            sequences[number] = run[-1].sequence
            self._heads = None
        if len(sequences) > 1:
            for entry in run:
                entry.heads = entry.after(self.heads)

    def _move(self, entry: Entry) -> None:
        self._epochs[entry.partition], self._sequences[entry.partition] = (
            entry.epoch,
            entry.sequence,
        )
        self._heads = None

    def _wake(self) -> None:
        still: list[tuple[Positions, int, asyncio.Future[None]]] = []
        for waiting in self._waiting:
            positions, _, future = waiting
            if _covers(self.heads, positions):
                if not future.done():
                    future.set_result(None)
            elif not future.done():
                still.append(waiting)
        self._waiting = still


class _Watch:
    """A sink that calls a function."""

    __slots__ = ("_watcher",)

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def offer(self, run: Sequence[Entry], topic: str) -> None:
        """Call the function."""
        for entry in run:
            self._watcher(entry)


def _runs(batch: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Cut a batch into neighbours of one channel; what changes rights is alone."""
    run = list(batch[:1])
    for entry in batch[1:]:
        last = run[-1]
        if (
            entry.key == last.key
            and entry.sequence == last.sequence + 1
            and entry.epoch == last.epoch
            and not entry.record.controls
            and not last.record.controls
        ):
            run.append(entry)
        else:
            yield run
            run = [entry]
    if run:
        yield run


def _covers(heads: Positions, positions: Positions) -> bool:
    return all(head >= position for head, position in zip(heads, positions, strict=True))
