"""One session's place in the fan-out: written to in step, or by a queue of its own."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from blackroad.edge.fanout.backlog import Backlog, Chunk
from blackroad.edge.fanout.window import NO_MARKS, Passed

if TYPE_CHECKING:
    from blackroad.edge.fanout.budget import Budget
    from blackroad.edge.fanout.group import Group

R = TypeVar("R", bound=Hashable)

SLOW_CONSUMER = 4413
WRITE_DEADLINE_SECONDS = 5.0


class Sink(Protocol):
    """Where bytes go: a `Socket` or an `SseStream`."""

    @property
    def backlogged(self) -> bool:
        """Say whether bytes wait because the peer reads slowly."""
        ...

    @property
    def stalled_seconds(self) -> float:
        """Return for how long the backlog has not become smaller."""
        ...

    def write(self, data: bytes, /) -> None:
        """Write bytes in their wire form."""
        ...

    def close(self, code: int = ..., reason: str = ...) -> None:
        """End it."""
        ...


class Owner(Protocol):
    """Who is told what a receiver lost."""

    def on_overflow(self, lost: dict[int, str | None], /) -> None:
        """Hear that live events were dropped, once the backlog is gone and there is room again.

        The receiver belongs to none of these numbers any more: subscribe again, from the position
        of the number, or where it is None (nothing came since it joined, or it was still held) from
        the subscription's own cursor.
        """
        ...


class Places(Protocol[R]):
    """The fan-out, as its receivers see it."""

    @property
    def budget(self) -> "Budget":
        """What all queues share."""
        ...

    def enter(self, receiver: "Receiver[R]") -> "Group[R]":
        """Return the group of those without a number."""
        ...

    def leave(self, receiver: "Receiver[R]") -> None:
        """Take a receiver off all its numbers."""
        ...

    def exit(self, receiver: "Receiver[R]") -> None:
        """Let go of a receiver."""
        ...

    def is_late(self, receiver: "Receiver[R]") -> bool:
        """Say whether its numbers changed since the last flush."""
        ...


class Receiver(Generic[R]):
    """What a session holds of the fan-out; the session forwards `on_backlog` and closes it.

    While the sink has a backlog, or a number is held, it has a queue of at most 1 MiB of references
    to shared bytes. When it is full the live part is dropped and the owner told; a sink that has
    taken nothing for 5 s then is closed with 4413. What was sent by `send` is never dropped: more
    than 1 MiB of it, its largest piece aside, ends the sink with 4413.
    """

    __slots__ = (
        "_backlog", "_fanout", "_held_numbers", "_lost", "_passed", "_slow", "closed", "group",
        "owner", "rendering", "seats", "sink",
    )  # fmt: skip

    def __init__(self, fanout: Places[R], sink: Sink, rendering: R, owner: Owner) -> None:
        self.sink = sink
        self.rendering = rendering
        self.owner = owner
        self.seats: dict[int, int] = {}
        """For each number, how often the position had moved when it was joined."""
        self.closed = False
        self._fanout = fanout
        self._slow = sink.backlogged
        self._backlog: Backlog | None = None
        self._held_numbers: set[int] | None = None
        self._lost: dict[int, str | None] | None = None
        self._passed: Passed | None = None
        self.group: Group[R] = fanout.enter(self)
        self.place()

    @property
    def queued_bytes(self) -> int:
        """Count the bytes that wait here, held ones included."""
        return 0 if self._backlog is None else self._backlog.size

    @property
    def lost(self) -> dict[int, str | None]:
        """What was dropped and the owner is not told yet, because there is no room: see `Owner`."""
        return dict(self._lost or {})

    @property
    def passed(self) -> Passed:
        """The last events that it has had of numbers in `lost`, while their owner is told.

        They come after the position that `lost` says: all up to them would come twice.
        """
        return self._passed or NO_MARKS

    @property
    def waiting(self) -> bool:
        """Whether live events that come now wait here, as all do that came before and wait."""
        return self._slow or bool(self._held_numbers)

    def send(self, data: bytes) -> None:
        """Write what is for this receiver only, after what waits for it; nothing once it is closed.

        Held live events stay behind.
        """
        if self.closed:
            return
        if self._slow:
            self._append(Chunk(data))
        else:
            self.sink.write(data)

    def take(self, chunk: Chunk) -> None:
        """Take live events that are for it: written, queued or held."""
        if self._slow or self._held_numbers:
            self._append(chunk)
        elif not self.closed:
            self.sink.write(chunk.data)

    def release(self, number: int) -> None:
        """Hold a number no longer; with the last one, what was held goes out. Idempotent."""
        if self._held_numbers is None or number not in self._held_numbers:
            return
        self._held_numbers.discard(number)
        if self._held_numbers:
            return
        self._held_numbers = None
        if self._backlog is not None:
            self._backlog.release()
        if not self._slow:
            self._drain()
        self.place()

    def on_backlog(self, waiting: bool) -> None:
        """Leave for the slow path, or come back with all that waited in one write. Idempotent."""
        if self.closed or waiting == self._slow:
            return
        self._slow = waiting
        if not waiting:
            self._drain()
        self.place()

    def close(self) -> None:
        """Leave everything and forget what waits; idempotent."""
        if self.closed:
            return
        self.closed = True
        self._fanout.exit(self)
        self.seats.clear()
        self._backlog = self._held_numbers = self._lost = self._passed = None
        self._fanout.budget.hold(self, 0)

    def shed(self) -> None:
        """Give up the queue, because all queues together are too large."""
        live = self._first_live()
        if live is None:
            self._give_up()
        else:
            self._overflow(live)

    def rewind(self) -> None:
        """Give up the live events that wait, though there is room: `lost` says from where."""
        live = self._first_live()
        if live is not None:
            self._drop(live)

    # For the fan-out

    def place(self) -> None:
        """Stand in the group's fast or slow set, as it is now; idempotent."""
        if not self.closed and not self._fanout.is_late(self):
            self.group.place(self, fast=not (self._slow or self._held_numbers))

    def seat(self, number: int, moves: int, held: bool) -> None:
        """Note a number that was joined."""
        self.seats[number] = moves
        if self._lost is not None:
            self._lost.pop(number, None)
        if held:
            self._held_numbers = self._held_numbers or set()
            self._held_numbers.add(number)
            self.place()

    def unseat(self, number: int) -> None:
        """Forget a number that was parted from, or lost."""
        self.seats.pop(number, None)
        if self._lost is not None:
            self._lost.pop(number, None)
        self.release(number)

    # What waits

    def _append(self, chunk: Chunk) -> None:
        if self.closed:
            return
        if self._backlog is None:
            self._backlog = Backlog()
        backlog, budget = self._backlog, self._fanout.budget
        if self._held_numbers and chunk.moves >= 0:
            backlog.hold(chunk)
        else:
            backlog.add(chunk)
        budget.hold(self, backlog.size)
        if backlog.size > budget.each and backlog.exceeds(budget.each) and not self.closed:
            self.shed()

    def _first_live(self) -> Chunk | None:
        return None if self._backlog is None else self._backlog.first_live

    def _drain(self) -> None:
        """Write all that waits, but what is held; tell what was lost."""
        backlog = self._backlog
        if backlog is not None and (data := backlog.take()):
            if not backlog.size:
                self._backlog = None
            self._fanout.budget.hold(self, backlog.size)
            self.sink.write(data)
        if self._lost is not None and not self._slow:
            lost, self._lost = self._lost, None
            if lost:
                self.owner.on_overflow(lost)
            self._passed = None

    def _overflow(self, first: Chunk) -> None:
        """Drop what is live, or end a sink for which even that does not help."""
        if self._slow and self.sink.stalled_seconds >= WRITE_DEADLINE_SECONDS:
            self._give_up()
            return
        self._drop(first)
        backlog = self._backlog
        if self._slow and backlog is not None and backlog.exceeds(self._fanout.budget.each):
            self._give_up()

    def _drop(self, first: Chunk) -> None:
        """Drop what is live, leave all numbers, tell the owner: at once or when there is room."""
        held = self._held_numbers or set()
        lost = {
            number: first.before if moves < first.moves and number not in held else None
            for number, moves in self.seats.items()
        }
        passed = {n: mark for n, mark in first.marks.items() if lost.get(n) is not None}
        self._passed = {**passed, **(self._passed or {})}
        self._lost = {**lost, **(self._lost or {})}
        if self._backlog is not None:
            self._backlog.drop_live()
        self._held_numbers = None
        self.seats.clear()
        self._fanout.leave(self)
        self._fanout.budget.hold(self, self.queued_bytes)
        if not self._slow:
            self._drain()

    def _give_up(self) -> None:
        """End a sink that is too slow. Its owner hears `on_close`."""
        self.close()
        self.sink.close(SLOW_CONSUMER, "slow consumer")
