"""One answer as one session of `Open` views it: live, or catching up page by page."""

from collections.abc import Callable, Sequence
from typing import Protocol

from blackroad.core.channel.pump import Pump
from blackroad.core.hub.hub import Hub
from blackroad.core.log.base import GapReason, Page
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.log.entry import Entry, Positions
from blackroad.core.stencil import stencil
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.answers import Answers
from blackroad.core.stream.frames import frame_of
from blackroad.core.stream.update import update_of
from blackroad.realtime.v1 import event_pb2, stream_pb2

PAGE_BYTES = 64 << 10
MAX_LIVE_BYTES = 1 << 20
_PREFIXES = stencil(stream_pb2.OpenResponse)


class Window(Protocol):
    """The session, as a viewing sees it."""

    @property
    def queued_bytes(self) -> int:
        """What waits to be written."""
        ...

    @property
    def roomy(self) -> bool:
        """Whether the next page should be read."""
        ...

    def put(self, frame: bytes) -> None:
        """Queue a frame."""
        ...

    def put_all(self, frames: Sequence[bytes], prefix: bytes = b"") -> None:
        """Queue frames, in their order, each with the prefix before it."""
        ...


class Viewing:
    """Hands on every update once, in order.

    A session that reads too slowly falls back to catching up by pages; only what the log has let go
    of meanwhile is a gap, and a snapshot follows it. It is over when the ending was handed on:
    `on_over` is called once, then or never.
    """

    __slots__ = (
        "_answers",
        "_hub",
        "_last",
        "_pump",
        "_window",
        "after",
        "answer",
        "live",
        "offset",
        "on_over",
        "over",
        "prefix",
        "request_id",
    )

    def __init__(
        self,
        request_id: str,
        answer: Answer,
        answers: Answers,
        hub: Hub,
        window: Window,
        pump: Pump,
        on_over: "Callable[[Viewing], None]",
    ) -> None:
        self.request_id = request_id
        self.answer = answer
        self.on_over = on_over
        self.prefix = _prefix(request_id, answer.stream_id)
        self.live = False
        self.over = False
        self.offset = 0  # of the last update that was handed on
        self.after: Positions = ()  # while catching up, the place up to which all was handed on
        self._last: Entry | None = None  # the same while live
        self._answers = answers
        self._hub = hub
        self._window = window
        self._pump = pump

    def begin(self) -> None:
        """View a new answer from its first update, which is not yet in the log."""
        self.after = self._hub.heads
        self.live = True
        self._hub.attach(self, self.answer.key)

    def join(self) -> None:
        """View the answer as it stands, then what comes."""
        self._hub.attach(self, self.answer.key)
        self._show()
        if not self.over:
            self.live = True

    def resume(self, after: Positions) -> None:
        """View what came after a place, then what comes."""
        self._hub.attach(self, self.answer.key)
        self.after = after
        self._pump.add(self)

    def leave(self) -> None:
        """View it no more. Idempotent."""
        self.over = True
        if not self.live:
            self._pump.discard(self)
        self.live = False
        self._hub.detach(self, self.answer.key)

    def offer(self, run: Sequence[Entry], topic: str) -> None:
        """Hand on live updates, or fall back (hub.Sink)."""
        if not self.live or run[-1].offset <= self.offset:
            return
        if self._window.queued_bytes > MAX_LIVE_BYTES:
            self._fall_back()
            return
        frames, ends = self._answers.framing.frames_of(run)
        if run[0].offset <= self.offset:
            frames = frames[self.offset + 1 - run[0].offset :]
        self._window.put_all(frames, self.prefix)
        self._last = run[-1]
        self.offset = self._last.offset
        if ends:
            self._finish()

    @property
    def roomy(self) -> bool:
        """Whether the next page should be read (pump.Source)."""
        return self._window.roomy

    async def step(self) -> bool:
        """Hand on one page of what was missed; answer whether there is more (pump.Source)."""
        if not self._behind():
            return False
        hub, key = self._hub, self.answer.key
        await hub.log.ready((key,))
        page: Page | GapReason | None = hub.log.missing((key,), self.after)
        if page is None:
            await hub.reached(self.after)
            page = hub.log.read((key,), self.after, hub.heads, PAGE_BYTES, _all)
        if page is None:
            page = await hub.log.fetch((key,), self.after, hub.heads)
        if self.over:  # it was left meanwhile
            return False
        if isinstance(page, GapReason):
            self._tell_gap(page)
            return False
        if isinstance(page, Page):
            self._turn_page(page)
        return self._behind()

    def _behind(self) -> bool:
        return not self.over and not self.live

    def _turn_page(self, page: Page) -> None:
        for entry in page.entries:
            if not self.over:
                self._hand_on(entry)
        self.after = page.reached
        if self.over:
            return
        if page.reached == self._hub.heads:
            self.live = True
            self._last = None
            if self.answer.folded.ended and self._answers.place_of(self.answer) <= page.reached:
                self._finish()  # the client had the ending already

    def _hand_on(self, entry: Entry) -> None:
        self.offset = entry.offset
        self._window.put(self.prefix + frame_of(entry))
        if update_of(entry).ends:
            self._finish()

    def _finish(self) -> None:
        self.leave()
        self.on_over(self)

    def _fall_back(self) -> None:
        if self._last is not None:
            self.after = self._last.after(self._last.heads or self._hub.heads)
        self.live = False
        self._pump.add(self)

    def _tell_gap(self, reason: GapReason) -> None:
        cursor = encode_cursor(self._answers.place_of(self.answer))
        gap = event_pb2.Gap(
            channel=f"stream.{self.answer.stream_id}",
            reason=event_pb2.GapReason.ValueType(reason.value),
            cursor=cursor,
        )
        self._put(stream_pb2.OpenResponse(cursor=cursor, gap=gap))
        self._show()
        if not self.over:
            self.live = True

    def _show(self) -> None:
        """Hand on the answer as it stands, and its ending where it has one.

        Then only the ending has a cursor: who is cut between the two comes back to the ending.
        """
        snapshot, self.after = self._answers.snapshot_of(self.answer)
        self._last = None
        self.offset = snapshot.offset
        ended = snapshot.WhichOneof("ending")
        cursor = "" if ended else snapshot.cursor
        self._put(stream_pb2.OpenResponse(cursor=cursor, snapshot=snapshot))
        ending = stream_pb2.OpenResponse(cursor=snapshot.cursor)
        match ended:
            case "finished":
                ending.finished.CopyFrom(snapshot.finished)
            case "failed":
                ending.failed.CopyFrom(snapshot.failed)
            case "cancelled":
                ending.cancelled.CopyFrom(snapshot.cancelled)
            case None:
                return
        self._put(ending)
        self._finish()

    def _put(self, frame: stream_pb2.OpenResponse) -> None:
        self._window.put(self.prefix + frame.SerializeToString())


def _prefix(request_id: str, stream_id: str) -> bytes:
    """Return what all frames of a viewing begin with, serialized."""
    frame = next(_PREFIXES)
    frame.request_id, frame.stream_id = request_id, stream_id
    return frame.SerializeToString()


def _all(key: str) -> bool:
    return True
