"""Roll-up of an answer's deltas: the first at once, then at most one frame in 40 ms, in order."""

from collections.abc import Iterable
from typing import Final

from blackroad.realtime.v1 import event_pb2

INTERVAL_SECONDS: Final = 0.04
MAX_CHARACTERS: Final = 32 * 1024


class Rollup:
    """The deltas of one answer that wait to go out as one.

    Pure: the caller says what time it is, sends what `feed` and `flush` return, in order, and calls
    `flush` when `due_seconds` has come. The joined deltas of what comes out are those of what went
    in.
    """

    __slots__ = ("_kind", "_pending", "_sent_seconds", "_size")

    def __init__(self) -> None:
        self._pending: list[event_pb2.Event] = []
        self._kind = ""
        self._size = 0
        self._sent_seconds = float("-inf")

    @property
    def due_seconds(self) -> float | None:
        """When what waits must go out; None where nothing waits."""
        return self._sent_seconds + INTERVAL_SECONDS if self._pending else None

    def feed(self, event: event_pb2.Event, now_seconds: float) -> list[event_pb2.Event]:
        """Take the answer's next update; return what goes out now, in order."""
        kind = delta_kind(event)
        if not kind:
            return [*self.flush(now_seconds), event]
        out = [] if kind == self._kind and self._pending else self.flush(now_seconds)
        self._kind = kind
        self._pending.append(event)
        self._size += len(delta_text(event))
        due = self._sent_seconds + INTERVAL_SECONDS
        if now_seconds >= due or self._size >= MAX_CHARACTERS:
            out += self.flush(now_seconds)
        return out

    def flush(self, now_seconds: float) -> list[event_pb2.Event]:
        """Return what waits as one update, if anything waits."""
        if not self._pending:
            return []
        merged = merge(self._pending)
        self._pending, self._size = [], 0
        self._sent_seconds = now_seconds
        return [merged]


def roll(events: Iterable[event_pb2.Event]) -> list[event_pb2.Event]:
    """Merge neighbouring deltas of events that lie before us anyway, as those of catching up do."""
    out: list[event_pb2.Event] = []
    run: list[event_pb2.Event] = []
    size = 0
    for event in events:
        kind = delta_kind(event)
        joins = run and kind == delta_kind(run[0]) and event.channel == run[0].channel
        if run and (not joins or size >= MAX_CHARACTERS):
            out.append(merge(run))
            run, size = [], 0
        if kind:
            run.append(event)
            size += len(delta_text(event))
        else:
            out.append(event)
    if run:
        out.append(merge(run))
    return out


def delta_kind(event: event_pb2.Event) -> str:
    """Return which kind of delta an event is: `text_delta`, `thinking_delta`, or empty."""
    if not event.HasField("answer"):
        return ""
    arm = event.answer.WhichOneof("update")
    return arm if arm == "text_delta" or arm == "thinking_delta" else ""


def delta_text(event: event_pb2.Event) -> str:
    """Return a delta's text."""
    return event.answer.text_delta or event.answer.thinking_delta


def merge(run: list[event_pb2.Event]) -> event_pb2.Event:
    """Return one delta that covers all: first offset to last offset, the last's index and cursor.

    All are deltas of one kind of one answer, at least one. One alone is returned as it is.
    """
    if len(run) == 1:
        return run[0]
    first, last = run[0], run[-1]
    merged = event_pb2.Event()
    merged.CopyFrom(last)
    merged.first_offset = first.first_offset or first.offset
    text = "".join(map(delta_text, run))
    if delta_kind(last) == "text_delta":
        merged.answer.text_delta = text
    else:
        merged.answer.thinking_delta = text
    return merged
