"""All that a node does with invocations and answers, put together."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import structlog

from blackroad.core.channel.directory import Directory
from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.authorize import authorize
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.limits.budget import Budget
from blackroad.core.log.base import Log
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.log.entry import Positions
from blackroad.core.presence.roster import Roster
from blackroad.core.publisher import Publisher, check_json
from blackroad.core.settings import AnswersSettings
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.archive import Archive, same
from blackroad.core.stream.attendance import Attendance
from blackroad.core.stream.audience import Audiences
from blackroad.core.stream.conversations import Conversations
from blackroad.core.stream.dispatcher import Dispatcher
from blackroad.core.stream.invocation import messages_of
from blackroad.core.stream.journal import Journal
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.pool import Pool
from blackroad.core.stream.reports import Reports
from blackroad.core.stream.rooms import Rooms
from blackroad.core.stream.route import route_of
from blackroad.core.stream.views import Views
from blackroad.core.stream.wheel import Wheel
from blackroad.realtime.v1 import event_pb2, stream_pb2

LOG = structlog.get_logger(__name__)

MAX_ID_BYTES: Final = 128
MAX_LABELS: Final = 8
MAX_LABELS_BYTES: Final = 1024


class Answers:
    """Starts answers, shows them, cancels them.

    `dispatcher` and `reports` are the workers' side of it. `run` must run while anything is to be
    written. Everything else answers at once.
    """

    def __init__(
        self,
        log: Log,
        hub: Hub,
        publisher: Publisher,
        directory: Directory,
        roster: Roster,
        clock: Clock,
        settings: AnswersSettings,
    ) -> None:
        limits = StreamLimits(**settings.model_dump())
        # Count invocations, and other requests, of those who make them; may refuse them.
        self.charge: Callable[[Identity], None] = lambda identity: None
        self.charge_command: Callable[[Identity], None] = lambda identity: None
        self.budget = Budget()
        self._hub = hub
        self._clock = clock
        self._limits = limits
        self.journal = Journal(log, limits.journal_bytes, publisher.keep)
        self.wheel = Wheel(clock)
        self.attendance = Attendance(roster)
        self.dispatcher = Dispatcher(Pool(limits), self.wheel, clock, limits, self.attendance)
        self.reports = Reports(self.dispatcher, self.wheel, limits)
        self.archive = Archive(clock, limits)
        self.audiences = Audiences(hub)
        self.conversations = Conversations(log, self.journal, clock, limits)
        self.rooms = Rooms(hub, self.journal, self._begin)  # what is said there was counted
        publisher.spoken = self.rooms.spoke
        self._views = Views(self.wheel, limits, self.dispatcher.cancel)
        self._waiting: dict[Answer, asyncio.Event] = {}
        self._running: set[Answer] = set()
        self._emptied: asyncio.Event | None = None  # while draining
        directory.owns["stream"] = self.archive.owns
        directory.owns["conversation"] = self.conversations.owns

    async def run(self) -> None:
        """Write, ring and tell until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.journal.run())
            tasks.create_task(self.wheel.run())
            tasks.create_task(self.attendance.run())

    async def drain(self, seconds: float) -> bool:
        """Refuse new answers from now on; return when none is in progress, or after so long.

        What an answer in progress asks of other agents belongs to it. Tells whether there were any.
        """
        self._emptied = asyncio.Event()
        if not self._running:
            return False
        try:
            async with asyncio.timeout(seconds):
                await self._emptied.wait()
        except TimeoutError:
            LOG.warning("drain.answers", left=len(self._running))
        return True

    # What clients ask for.

    async def start(self, identity: Identity, session_id: str, invoke: stream_pb2.Invoke) -> str:
        """Start an answer and return its id. Raises what `Invoke` says."""
        del session_id  # an answer outlives the session that asked for it
        if invoke.conversation:
            await self.conversations.load(identity, invoke.conversation)
        return self.begin(identity, invoke).stream_id

    def begin(self, identity: Identity, invoke: stream_pb2.Invoke) -> Answer:
        """Start an answer; its conversation, where it has one, was loaded.

        Raises what `Invoke` says.
        """
        self.charge(identity)
        return self._begin(identity, invoke)

    def _begin(self, identity: Identity, invoke: stream_pb2.Invoke) -> Answer:
        if self._emptied is not None and not invoke.parent_stream_id:
            raise Rejection(Code.DRAINING)
        input_bytes = self._check(invoke)
        pool = self.dispatcher.pool
        route = route_of(identity.tenant, invoke.target, pool.served, pool.serves_under)
        authorize(identity, Action.INVOKE, route.name)
        answer = Answer(self.journal, identity, invoke, route, self._clock.time_ns())
        answer.input_bytes = input_bytes
        answer.deadline_at = self._clock.monotonic() + self._deadline_seconds(invoke)
        parent = self._parent(answer, identity) if invoke.parent_stream_id else None
        if answer.conversation:
            self.conversations.enter(answer)
        try:
            self.dispatcher.place(answer)
        except Rejection:
            self.conversations.abort(answer)
            raise
        if answer.conversation:
            self.conversations.tell(answer, messages_of(invoke))
        if parent is not None:
            parent.children.append(answer)
        answer.on_written = self._close
        answer.on_refused = self._disown
        self.archive.add(answer)
        self._views.expect(answer)
        self._running.add(answer)
        return answer

    async def cancel(self, identity: Identity, stream_id: str) -> None:
        """Cancel an answer, as its invoker or with `manage` on it.

        Idempotent. NOT_FOUND, FORBIDDEN.
        """
        self.dispatcher.cancel(self.archive.managed(identity, stream_id))

    async def input(self, identity: Identity, stream_id: str, json: str) -> None:
        """Give a waiting answer its input. NOT_FOUND, FORBIDDEN, CONFLICT, BAD_FRAME, TOO_LARGE."""
        answer = self.archive.managed(identity, stream_id)
        if not json:
            raise Rejection(Code.MISSING_FIELD, "an input is required")
        if len(json.encode()) > self._limits.update_bytes:
            raise Rejection(Code.TOO_LARGE, "an input to an answer is at most 64 KiB")
        check_json(json)
        self.dispatcher.give(answer, event_pb2.AnswerInput(json=json, sender=identity.subject))

    # How answers are looked at.

    async def snapshot(
        self, identity: Identity, key: str
    ) -> tuple[event_pb2.AnswerSnapshot, Positions]:
        """Return an answer in its folded form, and the place in the log that it contains.

        NOT_FOUND, FORBIDDEN.
        """
        return self.snapshot_of(self.archive.viewed(identity, key.rpartition(".")[2]))

    def snapshot_of(self, answer: Answer) -> tuple[event_pb2.AnswerSnapshot, Positions]:
        """Return an answer in its folded form, and the place in the log that it contains."""
        snapshot = answer.folded.snapshot(answer.stream_id, self.cursor_of(answer))
        return snapshot, self.place_of(answer)

    def cursor_of(self, answer: Answer) -> str:
        """Return the cursor of the place that the folded form contains."""
        return encode_cursor(self.place_of(answer))

    def place_of(self, answer: Answer) -> Positions:
        """Return the place in the log that the folded form contains."""
        heads = self._hub.heads
        if answer.position is None:
            return heads
        return (*heads[: answer.partition], answer.position, *heads[answer.partition + 1 :])

    def visible(self, identity: Identity, labels: Mapping[str, str]) -> Iterator[Answer]:
        """Yield the answers with all these labels that the identity may see, newest first."""
        return self.archive.visible(identity, labels)

    async def ended(self, answer: Answer, seconds: float) -> None:
        """Return when the ending of an answer is in the log, or the time is over."""
        if answer.folded.ended:
            return
        event = self._waiting.setdefault(answer, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass

    def viewer_joined(self, key: str, session_id: str) -> None:
        """Count a session that follows an answer."""
        if answer := self.archive.find(key):
            self._views.join(answer, session_id)

    def viewer_left(self, key: str, session_id: str) -> None:
        """Count it no more.

        The last that leaves may cancel the answer, if its invocation said so.
        """
        if answer := self.archive.find(key):
            self._views.leave(answer, session_id)

    # Within.

    def _check(self, invoke: stream_pb2.Invoke) -> int:
        """Check an input and return its bytes."""
        if invoke.text:
            if invoke.messages:
                raise Rejection(Code.BAD_FRAME, "an input is text or messages, not both")
        elif not invoke.messages:
            raise Rejection(Code.MISSING_FIELD, "an input is required: text or messages")
        elif not all(message.parts for message in invoke.messages):
            raise Rejection(Code.MISSING_FIELD, "a message has at least one part")
        size = invoke.ByteSize()
        if size > self._limits.input_bytes:
            raise Rejection(Code.TOO_LARGE, "an input is at most 4 MiB")
        if len(invoke.conversation.encode()) > MAX_ID_BYTES:
            raise Rejection(Code.INVALID_NAME, "a conversation's id is at most 128 bytes")
        if invoke.labels:
            _check_labels(invoke.labels)
        return size

    def _deadline_seconds(self, invoke: stream_pb2.Invoke) -> float:
        if not invoke.HasField("deadline"):
            return self._limits.deadline_seconds
        seconds: float = invoke.deadline.seconds + invoke.deadline.nanos / 1e9
        return min(max(seconds, 0.0), self._limits.max_deadline_seconds)

    def _parent(self, answer: Answer, identity: Identity) -> Answer:
        """Put an answer under the one that it is asked for.

        Its time ends with the parent's, and it never asks upwards.
        """
        parent = self.archive.known(identity, answer.invoke.parent_stream_id)
        worker = parent.worker
        if parent.ended or parent.stopping or worker is None:
            raise Rejection(Code.CONFLICT, "the parent answer is not in progress")
        if not same(worker.identity, identity):
            raise Rejection(Code.FORBIDDEN, "only its worker may ask on behalf of an answer")
        answer.ancestors = (*parent.ancestors, parent.stream_id)
        if len(answer.ancestors) > self._limits.depth:
            depth = self._limits.depth
            raise Rejection(Code.CONFLICT, f"invocations are nested more than {depth} deep")
        answer.lineage = parent.lineage | {worker.agent} if worker.agent else parent.lineage
        if answer.route.agent in answer.lineage:
            raise Rejection(Code.CONFLICT, f"{answer.route.agent} itself waits for this answer")
        answer.deadline_at = min(answer.deadline_at, parent.deadline_at)
        return parent

    def _close(self, answer: Answer) -> None:
        """Keep an answer whose ending is in the log."""
        if answer.conversation:
            self.conversations.leave(answer)
        if answer.room:
            self.rooms.reply(answer)
        self.archive.keep(answer)
        if event := self._waiting.pop(answer, None):
            event.set()
        self._leave(answer)

    def _leave(self, answer: Answer) -> None:
        self._running.discard(answer)
        if self._emptied is not None and not self._running:
            self._emptied.set()

    def _disown(self, answer: Answer) -> None:
        self._leave(answer)
        self.conversations.abort(answer)
        self.archive.drop(answer)


def _check_labels(labels: Mapping[str, str]) -> None:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in labels.items())
    if len(labels) > MAX_LABELS or size > MAX_LABELS_BYTES:
        raise Rejection(Code.TOO_LARGE, "an answer has at most 8 labels of 1 KiB together")
