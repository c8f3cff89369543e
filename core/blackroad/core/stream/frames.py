"""Updates of answers as frames for those who view them by `Open`."""

from collections.abc import Sequence
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from blackroad.core.log.entry import Entry
from blackroad.core.stencil import stencil
from blackroad.core.stream.update import AGENT, ENDINGS, TYPE, Update, update_of
from blackroad.realtime.v1 import event_pb2, stream_pb2
from blackroad.wire.v1 import frames_pb2

OWN: Final = ENDINGS | {"queued", "started"}  # updates that are frames themselves


def _delivered() -> tuple[
    stream_pb2.OpenResponse, event_pb2.Event, event_pb2.AnswerUpdate, Timestamp
]:
    event = event_pb2.Event(type=TYPE, sender_kind=AGENT)
    frame = stream_pb2.OpenResponse(delivery=event_pb2.Delivery(events=[event]))
    event = frame.delivery.events[0]
    return frame, event, event.answer, event.create_time


_OWN_FRAMES = stencil(stream_pb2.OpenResponse)
_DELIVERIES = stencil(_delivered)


class Framing:
    """Puts each update into a frame once for all who view it: they are offered a run in turn.

    It keeps the frames of the last run only.
    """

    def __init__(self) -> None:
        self._run: Sequence[Entry] = ()
        self._frames: list[bytes] = []
        self._ends = False

    def frames_of(self, run: Sequence[Entry]) -> tuple[list[bytes], bool]:
        """Return the frames of neighbouring updates, in their order, not to be changed.

        And whether the last is an ending.
        """
        if run is not self._run:
            self._run, self._frames = run, list(map(frame_of, run))
            self._ends = update_of(run[-1]).arm in ENDINGS
        return self._frames, self._ends


def frame_of(entry: Entry) -> bytes:
    """Return an update as a serialized OpenResponse.

    The frame names neither request nor answer: concatenated with one that does, the two parse as
    one message.
    """
    update = update_of(entry)
    if update.arm in OWN:
        frame = next(_OWN_FRAMES)
        frame.cursor = entry.cursor
        getattr(frame, update.arm).CopyFrom(update.said)
        return frame.SerializeToString()
    if update.arm == "text_delta" and update.agent:
        return _text_delivered(entry, update)
    delivery = frames_pb2.Delivery(events=[entry.wire])
    return frames_pb2.OpenResponse(delivery=delivery).SerializeToString()


def _text_delivered(entry: Entry, update: Update) -> bytes:
    """Return the frame of the most frequent update, with the event made in place."""
    frame, event, answer, time = next(_DELIVERIES)
    event.id = update.id_at(entry.time_ns)
    event.channel, event.sender = update.channel, update.agent
    answer.index, answer.text_delta = update.index, update.text
    event.offset, event.sequence, event.epoch = entry.offset, entry.sequence, entry.epoch
    time.seconds, time.nanos = divmod(entry.time_ns, 1_000_000_000)
    event.cursor = entry.cursor
    return frame.SerializeToString()
