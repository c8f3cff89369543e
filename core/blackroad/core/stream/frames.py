"""Updates of answers as frames for those who view them by `Open`."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from blackroad.core.log.entry import Entry
from blackroad.core.stencil import Stencil
from blackroad.core.stream.update import AGENT, ENDINGS, TYPE, Update, started, update_of
from blackroad.realtime.v1 import event_pb2, stream_pb2
from blackroad.wire.v1 import frames_pb2

OWN: Final = ENDINGS | {"queued", "started"}  # updates that are frames themselves


def _delivered() -> stream_pb2.OpenResponse:
    return stream_pb2.OpenResponse(
        delivery=event_pb2.Delivery(events=[event_pb2.Event(type=TYPE, sender_kind=AGENT)])
    )


_DELIVERIES = Stencil(_delivered)


class Framing:
    """Puts each update into a frame once for all who view it: they are offered a run in turn.

    It keeps the frames of the last run only.
    """

    def __init__(self) -> None:
        self._run: Sequence[Entry] = ()
        self._frames: list[bytes] = []

    def frames_of(self, run: Sequence[Entry]) -> list[bytes]:
        """Return the frames of neighbouring updates, in their order; not to be changed."""
        if run is not self._run:
            self._run, self._frames = run, [frame_of(entry) for entry in run]
        return self._frames


def frame_of(entry: Entry) -> bytes:
    """Return an update as a serialized OpenResponse.

    The frame names neither request nor answer: concatenated with one that does, the two parse as
    one message.
    """
    update = update_of(entry)
    if update.arm in OWN:
        cursor = stream_pb2.OpenResponse(cursor=entry.cursor)
        return _framed(update) + cursor.SerializeToString()
    if update.arm == "text_delta" and update.agent:
        return _text_delivered(entry, update)
    delivery = frames_pb2.Delivery(events=[entry.wire])
    return frames_pb2.OpenResponse(delivery=delivery).SerializeToString()


def _text_delivered(entry: Entry, update: Update) -> bytes:
    """Return the frame of the most frequent update, with the event made in place."""
    frame = _DELIVERIES.take()
    event = frame.delivery.events[0]
    event.id = update.id_at(entry.time_ns)
    event.channel, event.sender = update.channel, update.agent
    answer = event.answer
    answer.index = update.index
    answer.text_delta = update.text
    event.offset, event.sequence, event.epoch = entry.offset, entry.sequence, entry.epoch
    time = event.create_time
    time.seconds, time.nanos = divmod(entry.time_ns, 1_000_000_000)
    event.cursor = entry.cursor
    return frame.SerializeToString()


def _framed(update: Update) -> bytes:
    said = update.said
    if isinstance(said, event_pb2.AnswerStarted):
        return _started_frame(said.agent, said.model, said.attempt)
    frame = stream_pb2.OpenResponse()
    getattr(frame, update.arm).CopyFrom(said)
    return frame.SerializeToString()


@lru_cache(maxsize=1024)
def _started_frame(agent: str, model: str, attempt: int) -> bytes:
    frame = stream_pb2.OpenResponse(started=started(agent, model, attempt))
    return frame.SerializeToString()
