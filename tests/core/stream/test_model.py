"""Any order of what callers, workers and the clock do.

One ending each, permits kept, nothing forgotten.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
)

from blackroad.core.clock import FakeClock
from blackroad.core.errors import Rejection
from blackroad.core.identity.development import developer_service
from blackroad.core.log.base import Appended, Keep
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.record import Record
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.dispatcher import Dispatcher
from blackroad.core.stream.journal import Journal
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.pool import Pool
from blackroad.core.stream.reports import Reports
from blackroad.core.stream.route import agent_route
from blackroad.core.stream.update import Update
from blackroad.core.stream.wheel import Wheel
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import event_pb2, stream_pb2
from tests.effort import examples

LIMITS = StreamLimits(queue_items=3)
DEVELOPER = developer_service()
ROUTE = agent_route("default", "ECHO")


class Quiet:
    """Nobody is told of presence."""

    def changed(self, worker: Worker) -> None:
        """Do nothing."""


class Pages(Journal):
    """A journal that has everything in its log at once."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(MemoryLog(MemoryLogSettings(), clock), 1 << 20, lambda key: Keep())
        self.endings: dict[Answer, int] = {}
        self.after_ending = 0

    def write(self, page: object, record: Record) -> None:
        """Fold at once, and count."""
        assert isinstance(page, Answer)
        assert isinstance(record, Update)
        self.after_ending += self.endings.get(page, 0)
        if record.ends:
            self.endings[page] = self.endings.get(page, 0) + 1
        offset = page.folded.offset + 1
        page.written([record], Appended((record.event_id,), offset, 1, offset, 0, 0))


class Serving:
    """A worker and the work that it was given."""

    def __init__(self, number: int) -> None:
        self.given: dict[str, int] = {}
        self.worker = Worker(f"se_{number}", DEVELOPER, self.take)
        self.gone = False

    def take(self, raw: bytes) -> None:
        """Note work, and what is not wanted any more."""
        frame = stream_pb2.ServeResponse.FromString(raw)
        if frame.HasField("invocation"):
            self.given[frame.stream_id] = frame.attempt
        elif frame.HasField("superseded"):
            self.given.pop(frame.stream_id, None)

    def about(self, pick: int) -> stream_pb2.ServeRequest | None:
        """Return a frame about some of its work."""
        if not self.given or self.gone:
            return None
        name = sorted(self.given)[pick % len(self.given)]
        return stream_pb2.ServeRequest(stream_id=name, attempt=self.given[name])


class Stream(RuleBasedStateMachine):
    """Callers, workers and the clock."""

    answers = Bundle("answers")
    servings = Bundle("servings")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.wheel = Wheel(self.clock)
        self.journal = Pages(self.clock)
        self.dispatcher = Dispatcher(Pool(LIMITS), self.wheel, self.clock, LIMITS, Quiet())
        self.reports = Reports(self.dispatcher, self.wheel, LIMITS)
        self.begun: list[Answer] = []
        self.workers: list[Serving] = []

    @rule(target=servings, permits=st.integers(1, 3))
    def register(self, permits: int) -> Serving:
        serving = Serving(len(self.workers))
        self.workers.append(serving)
        register = stream_pb2.Register(agent="ECHO", max_concurrency=permits)
        self.dispatcher.register(serving.worker, register)
        return serving

    @rule(target=answers, seconds=st.sampled_from([1.0, 60.0]))
    def start(self, seconds: float) -> object:
        invoke = stream_pb2.Invoke(text="hi")
        answer = Answer(self.journal, DEVELOPER, invoke, ROUTE, 0)
        answer.deadline_at = self.clock.monotonic() + seconds
        try:
            self.dispatcher.place(answer)
        except Rejection:
            nobody: MultipleResults[Answer] = multiple()
            return nobody
        self.begun.append(answer)
        return answer

    @rule(answer=answers)
    def cancel(self, answer: Answer) -> None:
        self.dispatcher.cancel(answer)

    @rule(answer=answers)
    def give(self, answer: Answer) -> None:
        try:
            self.dispatcher.give(answer, event_pb2.AnswerInput(json="1"))
        except Rejection:
            waits = answer.folded.state == event_pb2.ANSWER_STATE_WAITING
            assert not waits or self.dispatcher.mourns(answer)

    @rule(
        serving=servings,
        pick=st.integers(0, 9),
        kind=st.sampled_from(["accept", "chunk", "ask", "finish", "confirm", "fail", "refuse"]),
    )
    def say(self, serving: Serving, pick: int, kind: str) -> None:
        frame = serving.about(pick)
        if frame is None:
            return
        answer = serving.worker.holding.get(frame.stream_id)
        match kind:
            case "chunk":
                frame.chunk.index = answer.index + 1 if answer else 1
                frame.chunk.text = "word "
            case "ask":
                frame.ask.prompt = "?"
            case "confirm":
                kind, frame.finish.cancelled = "finish", True
            case _:
                pass
        if kind in ("finish", "fail", "refuse"):
            serving.given.pop(frame.stream_id)
        try:
            getattr(self.reports, kind)(serving.worker, frame)
        except Rejection:
            assert kind == "refuse"
            serving.given[frame.stream_id] = frame.attempt

    @rule(serving=servings)
    def lose(self, serving: Serving) -> None:
        serving.gone = True
        self.dispatcher.leave(serving.worker)

    @rule(serving=servings)
    def drain(self, serving: Serving) -> None:
        self.dispatcher.drain(serving.worker)

    @rule(lost=servings)
    def come_back(self, lost: Serving) -> None:
        back = Serving(len(self.workers))
        back.given = dict(lost.given)
        self.workers.append(back)
        resumed = [
            stream_pb2.ResumedInvocation(stream_id=name, attempt=attempt)
            for name, attempt in lost.given.items()
        ]
        register = stream_pb2.Register(agent="ECHO", max_concurrency=3, resumed=resumed)
        self.dispatcher.register(back.worker, register)
        lost.gone = True
        self.dispatcher.leave(lost.worker)

    @rule(seconds=st.sampled_from([0.5, 5.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.wheel.turn()

    @invariant()
    def every_answer_ends_at_most_once_and_nothing_follows(self) -> None:
        assert all(count == 1 for count in self.journal.endings.values())
        assert not self.journal.after_ending

    @invariant()
    def every_answer_in_progress_is_in_one_place(self) -> None:
        pool = self.dispatcher.pool
        for answer in self.begun:
            held = [s for s in self.workers if answer.stream_id in s.worker.holding]
            places = len(held) + pool.waits(answer) + self.dispatcher.mourns(answer)
            if answer.ended:
                assert not pool.waits(answer)
                assert len(held) <= 1
            else:
                assert places == 1
                assert (answer.worker is None) == (not held)

    @invariant()
    def no_worker_is_given_more_than_its_permits(self) -> None:
        for serving in self.workers:
            worker = serving.worker
            resumed = len(worker.holding) > worker.max_concurrency
            assert not resumed or worker.free <= 0

    def teardown(self) -> None:
        self.clock.advance(600)
        for _ in range(5):
            self.wheel.turn()
            self.clock.advance(600)
        assert all(answer.ended and answer.folded.ended for answer in self.begun)


TestStream = Stream.TestCase
TestStream.settings = settings(max_examples=examples(100), stateful_step_count=50, deadline=None)
