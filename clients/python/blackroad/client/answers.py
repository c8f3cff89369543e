"""All answers of a client over one `Open` stream, told apart by their request ids."""

import asyncio
import itertools
from typing import Final

from blackroad.client.answer import Answer
from blackroad.client.codes import from_rejected
from blackroad.client.dial import Dial
from blackroad.client.errors import RealtimeError, Unavailable
from blackroad.client.link import Link
from blackroad.client.outbox import Outbox
from blackroad.client.wire import OPEN
from blackroad.realtime.v1 import stream_pb2

MAX_IN_PROGRESS: Final = 65_536


class Answers:
    """Starts and joins answers, and hands each frame to the answer that it belongs to.

    A lost stream is opened anew: answers that have an id are joined by their cursor, those that
    were never written are started, and the few in between fail with UnknownOutcome.
    """

    def __init__(self, dial: Dial, patience_seconds: float) -> None:
        self._dial = dial
        self._patience_seconds = patience_seconds
        self._outbox = Outbox()
        self._link = Link(dial, OPEN, self, self._outbox)
        self._task: asyncio.Task[None] | None = None
        self._lapse: asyncio.TimerHandle | None = None
        self._answers: dict[str, Answer] = {}
        self._requests: dict[str, tuple[bytes, asyncio.Future[None]]] = {}
        self._numbers = itertools.count(1)
        self._over: RealtimeError | None = None
        self._draining: RealtimeError | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def begin(self, answer: Answer) -> str:
        """Send an answer's first frame, or its next join; return its request id."""
        if self._draining is not None and not answer.stream_id:
            raise self._draining
        await self._ready()
        if len(self._answers) >= MAX_IN_PROGRESS:
            raise Unavailable("unavailable", "too many answers of this client are in progress")
        request_id = str(next(self._numbers))
        self._answers[request_id] = answer
        self._quiet.clear()
        self._queue(request_id, answer)
        return request_id

    async def request(self, frame: stream_pb2.OpenRequest) -> None:
        """Send a cancel or an input, and wait until it was taken. Raises Rejected, Unavailable."""
        await self._ready()
        frame.request_id = f"r{next(self._numbers)}"
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests[frame.request_id] = (frame.SerializeToString(), taken)
        self._outbox.append(self._requests[frame.request_id][0])
        try:
            async with asyncio.timeout(self._patience_seconds):
                await taken
        except TimeoutError:
            raise self._unreachable() from None
        finally:
            del self._requests[frame.request_id]

    def forget(self, request_id: str, answer: Answer) -> None:
        """Hand an answer no more frames; idempotent."""
        if self._answers.get(request_id) is answer:
            self._drop(request_id)

    async def drain(self) -> None:
        """Begin no more answers, and return when those that are viewed here have ended."""
        self._draining = Unavailable("draining", "the client is being drained")
        await self._quiet.wait()

    async def close(self) -> None:
        """End the stream; answers in progress go on without this viewer. Idempotent."""
        self._over = self._over or Unavailable("cancelled", "the client is closed")
        self._disarm()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._fail_all(self._over)

    async def _ready(self) -> None:
        if self._over is not None:
            raise self._over
        if self._task is None:
            self._arm()
            self._task = asyncio.create_task(self._run(), name="blackroad answers")
        if self._outbox.full:
            await self._outbox.space()

    async def _run(self) -> None:
        self._over = await self._link.run() or Unavailable("unavailable", "the core has ended it")
        self._disarm()
        self._fail_all(self._over)

    def _drop(self, request_id: str) -> None:
        del self._answers[request_id]
        if not self._answers:
            self._quiet.set()

    def _queue(self, request_id: str, answer: Answer) -> None:
        self._outbox.append(answer.first_frame(request_id))
        answer.place = self._outbox.placed

    # The link's peer.

    def received(self, frame: stream_pb2.OpenResponse) -> None:
        """Take one frame or batch."""
        kind = frame.WhichOneof("frame")
        if kind == "batch":
            for each in frame.batch.frames:
                self.received(each)
            return
        answer = self._answers.get(frame.request_id)
        if answer is not None:
            if answer.take(frame, kind):
                self._drop(frame.request_id)
            return
        match kind:
            case "welcome":
                self._link.welcomed(frame.welcome)
            case "closing":
                self._link.closing(frame.closing)
            case "accepted" | "rejected":
                self._settle(frame)
            case _:
                # Of an answer that nobody here looks at any more, or newer than this SDK.
                return

    def _settle(self, frame: stream_pb2.OpenResponse) -> None:
        _, taken = self._requests.get(frame.request_id, (b"", None))
        if taken is None or taken.done():
            return
        if frame.WhichOneof("frame") == "accepted":
            taken.set_result(None)
        else:
            taken.set_exception(from_rejected(frame.rejected))

    def opened(self) -> None:
        """Begin the new stream with what was in progress on the old one."""
        self._disarm()
        written = self._outbox.taken
        self._outbox.clear()
        for request_id, answer in list(self._answers.items()):
            if answer.stream_id or answer.place > written:
                self._queue(request_id, answer)
            else:
                self._drop(request_id)
                answer.fail(answer.lost_in_between())
        for frame, _ in self._requests.values():
            self._outbox.append(frame)

    def lost(self, error: RealtimeError) -> None:
        """Give the core some time to come back, then tell the callers."""
        if self._lapse is None:
            self._arm()

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._lapse = loop.call_later(self._patience_seconds, self._lapsed)

    def _disarm(self) -> None:
        if self._lapse is not None:
            self._lapse.cancel()
            self._lapse = None

    def _lapsed(self) -> None:
        self._lapse = None
        if not self._link.standing:
            self._fail_all(self._unreachable())
            self._outbox.clear()

    def _unreachable(self) -> Unavailable:
        return Unavailable("unavailable", f"no core answers at {self._dial.target}", retryable=True)

    def _fail_all(self, error: RealtimeError) -> None:
        answers, self._answers = self._answers, {}
        self._quiet.set()
        for answer in answers.values():
            answer.fail(error)
        for _, taken in self._requests.values():
            if not taken.done():
                taken.set_exception(error)
