"""Live events in, one write of shared bytes per receiver and flush out."""

import asyncio
import time
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from blackroad.edge.fanout.backlog import Chunk
from blackroad.edge.fanout.budget import Budget
from blackroad.edge.fanout.group import Group, Seats
from blackroad.edge.fanout.receiver import Receiver
from blackroad.edge.fanout.window import Mark, Marks, Render, Window

E = TypeVar("E")
R = TypeVar("R", bound=Hashable)

GAP_FACTOR = 3.0
"""How long the next flush waits while more comes, in durations of the last one."""
LONGEST_GAP_SECONDS = 0.010
PROBE_EVERY = 16
"""Events that come one at a time, each when the last was delivered, gain nothing by a gap and would
be slowed down: after a flush of one event there is none. But a flood that is read one event a turn
looks the same, so each 16th such flush in a row is followed by a gap, and what gathers in it tells.
"""
_WINDOW_EVENTS = 256
_WINDOW_BYTES = 256 * 1024


class Fanout(Generic[E, R]):
    """Who belongs to which number, and the events that are to go out with the next flush.

    Every receiver gets exactly the events that were published for its numbers while it belonged to
    them, once each and in order, or its owner hears of an overflow. All calls are synchronous and
    for the loop's thread; `join`, `part` and `publish` must not be called from within `render`,
    `on_overflow` or a sink's callback.
    """

    def __init__(self, render: Render[E, R], budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._render = render
        self._groups: dict[tuple[R, Seats], Group[R]] = {}
        self._by_number: dict[int, dict[Group[R], None]] = {}
        self._late: dict[Receiver[R], int] = {}
        self._marks: Marks = {}  # of what was flushed
        self._window: Window[E, R] = Window("", 0)
        self._timer: asyncio.Handle | None = None
        self._not_before = 0.0
        self._singles = 0

    @property
    def position(self) -> str:
        """The last position that was published or advanced to; empty before the first."""
        return self._window.position

    @property
    def empty(self) -> bool:
        """Say whether there is no receiver."""
        return not self._groups

    def count(self, number: int) -> int:
        """Count the receivers that belong to a number."""
        return sum(group.size for group in self._by_number.get(number, ()))

    def publish(
        self,
        event: E,
        numbers: Iterable[int],
        position: str,
        size: int = 0,
        mark: Mark | None = None,
    ) -> None:
        """Take an event; it goes out once to each receiver that belongs to one of the numbers now.

        `position` is its cursor; or, with a `mark` that says which event it is, an earlier one,
        since events before it are still to come. `size` is about how many bytes it renders to. The
        flush comes at the end of this turn of the loop, or, while more comes, after a gap of at
        most 10 ms.
        """
        window = self._window
        followed = [number for number in numbers if number in self._by_number]
        if not followed and not len(window):
            self._window = Window(position, window.moves(1))
            return
        window.add(event, followed, position, size, mark)
        if len(window) >= _WINDOW_EVENTS or window.size >= _WINDOW_BYTES:
            self.flush()
        elif self._timer is None:
            self._schedule()

    def advance(self, position: str) -> None:
        """Note a position that holds for all live subscriptions: a bookmark."""
        self.flush()
        self._window = Window(position, self._window.moves(1))

    def join(
        self, receiver: Receiver[R], number: int, request_id: str = "", held: bool = False
    ) -> None:
        """Let a receiver belong to a number, from the next event on; again replaces the request_id.

        With `held` its live events wait until `receiver.release(number)`: what it missed comes
        first.
        """
        self._settle(receiver)
        if receiver.closed:
            return
        seats = {**receiver.group.numbers, number: request_id}
        self._regroup(receiver, frozenset(seats.items()))
        receiver.seat(number, self._window.moves(len(self._window)), held)

    def part(self, receiver: Receiver[R], number: int) -> None:
        """Let a receiver not belong to a number, from the next event on; idempotent."""
        if number in receiver.group.numbers:
            self._settle(receiver)
        receiver.unseat(number)
        seats = {**receiver.group.numbers}
        if seats.pop(number, None) is not None and not receiver.closed:
            self._regroup(receiver, frozenset(seats.items()))

    def enter(self, receiver: Receiver[R]) -> Group[R]:
        """Return the group of those without a number; `Receiver` calls it."""
        group = self._group(receiver.rendering, frozenset())
        group.size += 1
        return group

    def leave(self, receiver: Receiver[R]) -> None:
        """Take a receiver off all its numbers, without what is not flushed; `Receiver` calls it."""
        if len(self._window):
            self._late[receiver] = len(self._window)
        self._regroup(receiver, frozenset())

    def exit(self, receiver: Receiver[R]) -> None:
        """Let go of a receiver; `Receiver` calls it, once."""
        self._late.pop(receiver, None)
        receiver.group.remove(receiver)
        receiver.group.size -= 1
        self._drop_if_empty(receiver.group)

    def is_late(self, receiver: Receiver[R]) -> bool:
        """Say whether a receiver changed its numbers since the last flush; `Receiver` asks."""
        return receiver in self._late

    def flush(self) -> None:
        """Write all that is pending, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        window, late = self._window, self._late
        if not len(window):
            return
        begun = time.perf_counter()
        self._window = Window(window.position, window.moves(len(window)))
        self._late = {}
        self._write(window)
        for receiver, start in late.items():
            self._deliver(window, receiver, start)
            receiver.place()
        window.note(self._marks, window.by_number, len(window))
        self._keep_distance(time.perf_counter() - begun, len(window))

    def _keep_distance(self, took_seconds: float, events: int) -> None:
        """Decide when the next flush may be, so that meanwhile more events gather."""
        self._singles = self._singles + 1 if events == 1 else 0
        gap = 0.0
        if self._singles % PROBE_EVERY == 0:
            gap = min(GAP_FACTOR * took_seconds, LONGEST_GAP_SECONDS)
        self._not_before = time.perf_counter() + gap

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        gap = self._not_before - time.perf_counter()
        if gap > 0:
            self._timer = loop.call_later(gap, self.flush)
        else:
            self._timer = loop.call_soon(self.flush)

    def _write(self, window: Window[E, R]) -> None:
        """Write to every group that has a number in the window."""
        for group, seats in self._hit(window).items():
            data = window.joined(self._render, group.rendering, seats)
            slow = list(group.slow)  # before the writes: who becomes slow by one has got it
            for sink in group.sinks():
                sink.write(data)
            if slow:
                marks = self._marks_of(group)
                chunk = Chunk(data, window.before(0), window.moves(0), marks)
                for receiver in slow:
                    if receiver.group is group:  # it may have been shed for a neighbour's sake
                        receiver.take(chunk)

    def _hit(self, window: Window[E, R]) -> dict[Group[R], list[tuple[int, str]]]:
        hits: dict[Group[R], list[tuple[int, str]]] = {}
        for number in window.by_number:
            for group in self._by_number.get(number, ()):
                hits.setdefault(group, []).append((number, group.numbers[number]))
        return hits

    def _deliver(self, window: Window[E, R], receiver: Receiver[R], start: int) -> None:
        """Write to one receiver what it gets of the window from an index on."""
        seats = [seat for seat in receiver.group.seats if seat[0] in window.by_number]
        data = window.since(start, self._render, receiver.rendering, seats) if seats else b""
        if data:
            marks: Marks = {}
            if receiver.waiting:
                marks = self._marks_of(receiver.group)
                window.note(marks, receiver.group.numbers, start)
            receiver.take(Chunk(data, window.before(start), window.moves(start), marks))

    def _marks_of(self, group: Group[R]) -> Marks:
        return {n: dict(self._marks[n]) for n in group.numbers if n in self._marks}

    def _settle(self, receiver: Receiver[R]) -> None:
        """Give a receiver its events until now: it is about to change its numbers.

        They may be too many for its queue; then it belongs to none when this returns.
        """
        window = self._window
        if not len(window) or receiver.closed:
            return
        start = self._late.get(receiver, 0)
        receiver.group.remove(receiver)
        self._late[receiver] = len(window)
        self._deliver(window, receiver, start)

    def _regroup(self, receiver: Receiver[R], seats: Seats) -> None:
        old = receiver.group
        old.remove(receiver)
        receiver.group = self._group(receiver.rendering, seats)
        receiver.group.size += 1
        old.size -= 1
        self._drop_if_empty(old)
        receiver.place()

    def _group(self, rendering: R, seats: Seats) -> Group[R]:
        group = self._groups.get((rendering, seats))
        if group is None:
            group = self._groups[rendering, seats] = Group(rendering, seats)
            for number in group.numbers:
                self._by_number.setdefault(number, {})[group] = None
        return group

    def _drop_if_empty(self, group: Group[R]) -> None:
        if group.size or self._groups.get((group.rendering, group.seats)) is not group:
            return
        del self._groups[group.rendering, group.seats]
        for number in group.numbers:
            groups = self._by_number[number]
            del groups[group]
            if not groups:
                del self._by_number[number]
                self._marks.pop(number, None)
