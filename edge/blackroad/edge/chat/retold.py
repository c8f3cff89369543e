"""An answer's updates on their way to a viewer who is told them in words of its own."""

from collections.abc import Iterator
from typing import Final, Protocol

from blackroad.edge.errors import MEANINGS
from blackroad.edge.fanout import Sink
from blackroad.realtime.v1 import common_pb2, event_pb2

SNAPSHOT: Final = "snapshot"
"""The type of updates that a snapshot was turned into; the first of them has no update."""
FAILURES: Final = {
    word: common_pb2.ErrorCode.Value(f"ERROR_CODE_{word.upper()}")
    for word in MEANINGS
    if f"ERROR_CODE_{word.upper()}" in common_pb2.ErrorCode.keys()  # noqa: SIM118 - no mapping
}


class Telling(Protocol):
    """Says an answer's updates, each once and in order, to one viewer."""

    resumes: bool
    """Whether a viewer that is cut off comes back for the rest by itself."""

    def tell(self, event: event_pb2.Event, /) -> bytes:
        """Return what is to be written for an update; empty where nothing is."""
        ...


class Retold:
    """A sink that takes updates as they are and writes them as they are told."""

    __slots__ = ("_outlet", "_telling", "_told")

    def __init__(self, outlet: Sink, telling: Telling) -> None:
        self._outlet = outlet
        self._telling = telling
        self._told = Told()

    @property
    def backlogged(self) -> bool:
        """Say whether bytes wait because the peer reads slowly."""
        return self._outlet.backlogged

    @property
    def stalled_seconds(self) -> float:
        """Return for how long the backlog has not become smaller."""
        return self._outlet.stalled_seconds

    def write(self, data: bytes) -> None:
        """Tell the events of a serialized Delivery, or of several, one after the other."""
        tell, told = self._telling.tell, self._told
        events = event_pb2.Delivery.FromString(data).events
        said = b"".join([tell(event) for event in events if told.take(event)])
        if said:
            self._outlet.write(said)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the outlet."""
        self._outlet.close(code, reason)


class Told:
    """How much of an answer was told, so that a snapshot in its middle adds only what is new.

    The parts of an answer have one order, so three counts say how far it is.
    """

    __slots__ = ("_again", "_counts")

    def __init__(self) -> None:
        self._counts = {"text": 0, "thinking": 0, "step": 0}
        self._again: dict[str, int] | None = None

    def take(self, event: event_pb2.Event) -> bool:
        """Note an update, cut to what is new of it; False where nothing is."""
        update = event.answer
        kind = update.WhichOneof("update")
        if event.type != SNAPSHOT:
            self._again = None
        elif kind is None:
            self._again = dict.fromkeys(self._counts, 0)
            return False
        match kind:
            case "text_delta":
                update.text_delta = self._new("text", update.text_delta)
                return bool(update.text_delta)
            case "thinking_delta":
                update.thinking_delta = self._new("thinking", update.thinking_delta)
                return bool(update.thinking_delta)
            case "tool_call" | "tool_result" | "input_required" | "input":
                return bool(self._new("step", "."))
            case _:
                return kind is not None

    def _new(self, kind: str, more: str) -> str:
        """Return what of `more` was not told; it counts as told now."""
        if self._again is not None:
            begins = self._again[kind]
            self._again[kind] = begins + len(more)
            more = more[max(0, self._counts[kind] - begins) :]
        self._counts[kind] += len(more)
        return more


def retell(snapshot: event_pb2.AnswerSnapshot) -> event_pb2.Delivery:
    """Return updates that amount to a snapshot, of type `snapshot`."""
    updates = [event_pb2.AnswerUpdate(), *_updates(snapshot)]
    return event_pb2.Delivery(
        events=[
            event_pb2.Event(
                channel=f"stream.{snapshot.stream_id}",
                type=SNAPSHOT,
                offset=snapshot.offset,
                cursor=snapshot.cursor,
                answer=update,
            )
            for update in updates
        ]
    )


def _updates(snapshot: event_pb2.AnswerSnapshot) -> Iterator[event_pb2.AnswerUpdate]:
    if snapshot.attempt:
        started = event_pb2.AnswerStarted(
            agent=snapshot.agent, model=snapshot.model, attempt=snapshot.attempt
        )
        yield event_pb2.AnswerUpdate(started=started)
    for part in snapshot.parts:
        yield from _part(part)
    if snapshot.HasField("progress"):
        yield event_pb2.AnswerUpdate(progress=snapshot.progress)
    if snapshot.HasField("usage"):
        yield event_pb2.AnswerUpdate(usage=snapshot.usage)
    match snapshot.WhichOneof("ending"):
        case "finished":
            yield event_pb2.AnswerUpdate(finished=snapshot.finished)
        case "failed":
            yield event_pb2.AnswerUpdate(failed=snapshot.failed)
        case "cancelled":
            yield event_pb2.AnswerUpdate(cancelled=snapshot.cancelled)
        case None:
            pass


def _part(part: event_pb2.AnswerPart) -> Iterator[event_pb2.AnswerUpdate]:
    match part.WhichOneof("part"):
        case "text":
            yield event_pb2.AnswerUpdate(text_delta=part.text)
        case "thinking":
            yield event_pb2.AnswerUpdate(thinking_delta=part.thinking)
        case "tool_call":
            yield event_pb2.AnswerUpdate(tool_call=part.tool_call)
        case "tool_result":
            yield event_pb2.AnswerUpdate(tool_result=part.tool_result)
        case "input_required":
            yield event_pb2.AnswerUpdate(input_required=part.input_required)
        case "input":
            yield event_pb2.AnswerUpdate(input=part.input)
        case None:
            return
