"""Events between two flushes, and the bytes that each kind of receiver gets of them."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Generic, NamedTuple, TypeVar

E = TypeVar("E")
R = TypeVar("R", bound=Hashable)

Render = Callable[[E, R, str], bytes]


class Mark(NamedTuple):
    """Which event of its channel it is."""

    channel: str
    epoch: int
    offset: int


Marks = dict[int, dict[str, Mark]]
"""The last event of each channel of a number, since the position was exact."""

Passed = Mapping[int, Mapping[str, Mark]]
"""For each number the last event of each channel."""

NO_MARKS: Final[Passed] = MappingProxyType({})

MAX_MARKS: Final = 1_000
"""How many channels of a number are known; with more of them events may come twice."""


class Window(Generic[E, R]):
    """Events in their order, by number; each is rendered once, each run is joined once."""

    __slots__ = (
        "_base",
        "_base_moves",
        "_events",
        "_frames",
        "_joined",
        "_marks",
        "_positions",
        "by_number",
        "size",
    )

    def __init__(self, base: str, base_moves: int) -> None:
        self._base = base
        self._base_moves = base_moves
        self._events: list[E] = []
        self._positions: list[str] = []
        self._marks: list[Mark | None] = []
        self._frames: dict[tuple[int, R, str], bytes] = {}
        self._joined: dict[tuple[R, tuple[tuple[int, str], ...]], bytes] = {}
        self.by_number: dict[int, list[int]] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def position(self) -> str:
        """The position after all that is in here."""
        return self._positions[-1] if self._positions else self._base

    def moves(self, upto: int) -> int:
        """Count the moves of the position until just before the event with this index."""
        return self._base_moves + upto

    def before(self, index: int) -> str:
        """Return the position just before the event with this index."""
        return self._positions[index - 1] if index else self._base

    def note(self, marks: Marks, numbers: Iterable[int], upto: int) -> None:
        """Add to what is known of some numbers what comes before an index.

        An event without a mark says that its position is exact: nothing before it is of use.
        """
        exact = upto - 1
        while exact >= 0 and self._marks[exact] is not None:
            exact -= 1
        if exact >= 0:
            marks.clear()
        if exact == upto - 1:
            return
        for number in numbers:
            for index in self.by_number.get(number, ()):
                mark = self._marks[index] if exact < index < upto else None
                if mark is not None:
                    own = marks.setdefault(number, {})
                    if len(own) >= MAX_MARKS and mark.channel not in own:
                        own.clear()
                    own[mark.channel] = mark

    def add(
        self, event: E, numbers: Iterable[int], position: str, size: int, mark: Mark | None
    ) -> None:
        """Take an event for those numbers."""
        index = len(self._events)
        self._events.append(event)
        self._positions.append(position)
        self._marks.append(mark)
        self.size += size
        for number in numbers:
            indexes = self.by_number.get(number)
            if indexes is None:
                self.by_number[number] = [index]
            elif indexes[-1] != index:
                indexes.append(index)

    def joined(self, render: Render[E, R], rendering: R, seats: Sequence[tuple[int, str]]) -> bytes:
        """Return all events for some numbers as one run of bytes."""
        key = (rendering, tuple(seats))
        data = self._joined.get(key)
        if data is None:
            data = self._joined[key] = self.since(0, render, rendering, seats)
        return data

    def since(
        self, start: int, render: Render[E, R], rendering: R, seats: Sequence[tuple[int, str]]
    ) -> bytes:
        """Return the events for some numbers from an index on as one run of bytes."""
        frames: list[bytes] = []
        for index, request_id in self._picked(seats):
            if index >= start:
                frames.append(self._frame(index, render, rendering, request_id))
        return b"".join(frames)

    def _picked(self, seats: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        """Return indexes in order, once each, with the request_id of the seat they come by."""
        if len(seats) == 1:
            number, request_id = seats[0]
            return [(index, request_id) for index in self.by_number[number]]
        picked: dict[int, str] = {}
        for number, request_id in seats:
            for index in self.by_number[number]:
                picked[index] = picked.get(index, "") or request_id
        return sorted(picked.items())

    def _frame(self, index: int, render: Render[E, R], rendering: R, request_id: str) -> bytes:
        key = (index, rendering, request_id)
        frame = self._frames.get(key)
        if frame is None:
            frame = self._frames[key] = render(self._events[index], rendering, request_id)
        return frame
