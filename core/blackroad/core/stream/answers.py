"""All that a node does with invocations and answers, put together."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from blackroad.core.channel.directory import Directory
from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.fleet.fleet import Fleet
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.authorize import authorize
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.json_text import check_json
from blackroad.core.limits.budget import Budget
from blackroad.core.log.base import Log
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.log.entry import Positions
from blackroad.core.log.shelf import Shelf
from blackroad.core.presence.roster import Roster
from blackroad.core.publisher import Publisher
from blackroad.core.settings import AnswersSettings
from blackroad.core.stream.abroad import Abroad
from blackroad.core.stream.admission import Admission
from blackroad.core.stream.answer import Answer, Phase
from blackroad.core.stream.archive import Archive
from blackroad.core.stream.attendance import Attendance
from blackroad.core.stream.conversations import Conversations
from blackroad.core.stream.dispatcher import Dispatcher, superseded
from blackroad.core.stream.frames import Framing
from blackroad.core.stream.homes import Homes
from blackroad.core.stream.invocation import messages_of
from blackroad.core.stream.journal import Journal
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.movers import Movers
from blackroad.core.stream.pool import Pool
from blackroad.core.stream.records import Records
from blackroad.core.stream.reports import Reports
from blackroad.core.stream.rooms import Rooms
from blackroad.core.stream.route import route_of
from blackroad.core.stream.shared_turns import SharedTurns, Turn
from blackroad.core.stream.views import Views
from blackroad.core.stream.wheel import Wheel
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import event_pb2, stream_pb2

LOG = structlog.get_logger(__name__)

MEMORY: Final = "memory"  # an engine that ends with its node


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
        fleet: Fleet | None = None,
    ) -> None:
        limits = StreamLimits(**settings.model_dump())
        # Count invocations, and other requests, of those who make them; may refuse them.
        self.charge: Callable[[Identity], None] = lambda identity: None
        self.charge_command: Callable[[Identity], None] = lambda identity: None
        self.budget = Budget()
        self.log = log
        self.hub = hub
        self.clock = clock
        self._limits = limits
        self.journal = Journal(log, limits.journal_bytes, publisher.keep)
        self.wheel = Wheel(clock)
        self.attendance = Attendance(roster)
        self.dispatcher = Dispatcher(Pool(limits), self.wheel, clock, limits, self.attendance)
        self.reports = Reports(self.dispatcher, self.wheel, limits)
        self.archive = Archive(clock, limits)
        self._admission = Admission(self.archive, limits)
        self.framing = Framing()
        self.conversations = Conversations(log, self.journal, clock, limits)
        self.rooms = Rooms(hub, self.journal, self._begin)  # what is said there was counted
        publisher.spoken = self.rooms.spoke
        self._views = Views(self.wheel, limits, self.dispatcher.cancel)
        self.abroad = Abroad(fleet or Fleet(log, hub, alone=True), log, hub, limits)
        self.records: Records | None = None
        self.homes = Homes(self)
        self.movers = Movers(self, self.homes)
        if log.engine != MEMORY:
            self.records = Records(Shelf(log, "answer"), clock, limits, self.homes.record)
        self._join_fleet(self.abroad)
        # Bound once, not for each answer that is kept.
        self._on_written, self._on_refused = self._close, self.disown
        self._waiting: dict[Answer, asyncio.Event] = {}
        self._running: set[Answer] = set()
        self._emptied: asyncio.Event | None = None  # while draining
        directory.owns["stream"] = self.archive.owns
        directory.learns["stream"] = self.learn
        directory.owns["conversation"] = self.conversations.owns
        directory.learns["conversation"] = self.conversations.learn

    async def run(self) -> None:
        """Write, ring and tell until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.journal.run())
            tasks.create_task(self.wheel.run())
            tasks.create_task(self.attendance.run())
            tasks.create_task(self.abroad.run())
            if self.records is not None:
                tasks.create_task(self.records.run())

    @property
    def draining(self) -> bool:
        """Whether new answers are refused."""
        return self._emptied is not None

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
        answer = await self.open(identity, invoke)
        if answer.opened is not None:
            await asyncio.shield(answer.opened)  # which is not only of who waits for it
        return answer.stream_id

    async def open(self, identity: Identity, invoke: stream_pb2.Invoke) -> Answer:
        """Start an answer, in the turn that it has in its conversation.

        Raises what `Invoke` says. `opened`, where it is set, tells when another node has taken it,
        or raises what that node says.
        """
        if not invoke.conversation:
            return self.open_at_once(identity, invoke)
        self.charge(identity)
        turn = await self.conversations.enter_turn(identity, invoke)
        try:
            return self._begin(identity, invoke, turn)
        except Rejection:
            self.conversations.leave_turn(turn)
            raise
        finally:
            self.conversations.begun(turn)

    def open_at_once(self, identity: Identity, invoke: stream_pb2.Invoke) -> Answer:
        """Start an answer of no conversation, as `open`: nothing is to be asked before."""
        self.charge(identity)
        return self._begin(identity, invoke)

    def _begin(
        self, identity: Identity, invoke: stream_pb2.Invoke, turn: Turn | None = None
    ) -> Answer:
        if self._emptied is not None and not invoke.parent_stream_id:
            raise Rejection(Code.DRAINING)
        input_bytes = self._admission.check(invoke)
        route = route_of(identity.tenant, invoke.target, self._served, self._serves_under)
        authorize(identity, Action.INVOKE, route.name)
        identifier = turn.stream_id if turn is not None else ""
        answer = Answer(self.journal, identity, invoke, route, self.clock.time_ns(), identifier)
        answer.turn = turn
        answer.input_bytes = input_bytes
        answer.deadline_at = self.clock.monotonic() + self._admission.seconds(invoke)
        parent = (
            self._admission.put_under_parent(answer, identity) if invoke.parent_stream_id else None
        )
        answer.home = self.abroad.home_for(answer, self.dispatcher.pool)
        if answer.home:
            self.homes.send(answer)
        else:
            self.take(answer)
        if parent is not None:
            parent.children += (answer,)
        return answer

    def _served(self, key: str) -> bool:
        return self.dispatcher.pool.served(key) or self.abroad.pool.served(key)

    def _serves_under(self, prefix: str) -> bool:
        pool, abroad = self.dispatcher.pool, self.abroad.pool
        return pool.serves_under(prefix) or abroad.serves_under(prefix)

    def take(self, answer: Answer) -> None:
        """Hold an answer here. Raises what `Invoke` says of workers and conversations."""
        if answer.conversation:
            self.conversations.enter(answer)
        try:
            self.dispatcher.place(answer)
        except Rejection:
            self.conversations.abort(answer)
            raise
        if answer.conversation and not answer.asked:
            answer.asked = True
            self.conversations.tell(answer, messages_of(answer.invoke))
        self._hold(answer)
        self._views.expect(answer)

    def _hold(self, answer: Answer) -> None:
        answer.on_written, answer.on_refused = self._on_written, self._on_refused
        self.archive.add(answer)
        self.abroad.hold(answer)
        if self.records is not None:
            self.records.hold(answer)
        self._running.add(answer)

    # Answers that other nodes hold, or held.

    def _join_fleet(self, abroad: Abroad) -> None:
        abroad.closed = self._close
        abroad.came, abroad.went = self.rooms.enter, self.rooms.leave
        if abroad.alone:
            return
        self.conversations.turns = SharedTurns(
            Shelf(self.log, "turn"),
            self.journal,
            self.homes.is_answering,
            abroad.soon,
            self._limits.max_deadline_seconds,
        )
        self.attendance.show, self.attendance.hide = abroad.show, abroad.hide

    async def locate(self, identity: Identity, stream_id: str) -> None:
        """Know an answer of the identity's tenant here, if any node does. It need not be there."""
        if stream_id:
            await self.homes.find(f"{identity.tenant}.stream.{stream_id}")

    async def learn(self, identity: Identity, key: str) -> None:
        """Know an answer here by its channel's key (`Directory.learn`)."""
        del identity
        await self.homes.find(key)

    def adopt(self, answer: Answer, former: Worker) -> None:
        """Hold an answer that another node held, as if it had lost its worker here."""
        if answer.conversation:
            self.conversations.go_on(answer)
        self.dispatcher.adopt(answer, former)
        if answer.phase is not Phase.QUEUED:
            self.reports.limit(answer, (self.clock.time_ns() - answer.created_ns) / 1e9)
        self._hold(answer)

    def give_up(self, answer: Answer) -> None:
        """Let another node hold an answer; it is followed here."""
        self.dispatcher.give_up(answer)
        self.conversations.give_up(answer)
        if self.records is not None:
            self.records.let_go(answer)
        self.abroad.drop(answer)
        answer.on_written = answer.on_refused = None
        answer.home = self.abroad.fleet.node  # until the other one says that it has it
        self.abroad.follow(answer)
        self.abroad.expect(answer)
        self._leave(answer)

    async def cancel(self, identity: Identity, stream_id: str) -> None:
        """Cancel an answer, as its invoker or with `manage` on it.

        Idempotent. NOT_FOUND, FORBIDDEN.
        """
        await self.locate(identity, stream_id)
        self.dispatcher.cancel(self.archive.managed(identity, stream_id))

    async def input(self, identity: Identity, stream_id: str, json: str) -> None:
        """Give a waiting answer its input. NOT_FOUND, FORBIDDEN, CONFLICT, BAD_FRAME, TOO_LARGE."""
        await self.locate(identity, stream_id)
        answer = self.archive.managed(identity, stream_id)
        if not json:
            raise Rejection(Code.MISSING_FIELD, "an input is required")
        if len(json.encode()) > self._limits.update_bytes:
            raise Rejection(Code.TOO_LARGE, "an input to an answer is at most 64 KiB")
        check_json(json)
        if answer.home:
            words = msgspec.msgpack.encode((answer.key, json, identity.subject))
            await self.abroad.fleet.asks.ask(answer.home, "answer.input", words)
        else:
            self.dispatcher.give(answer, event_pb2.AnswerInput(json=json, sender=identity.subject))

    # How answers are looked at.

    async def snapshot(
        self, identity: Identity, key: str
    ) -> tuple[event_pb2.AnswerSnapshot, Positions]:
        """Return an answer in its folded form, and the place in the log that it contains.

        NOT_FOUND, FORBIDDEN.
        """
        await self.locate(identity, key.rpartition(".")[2])
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
        heads = self.hub.heads
        position = answer.position
        if position is None:
            return heads
        return (*heads[: answer.partition], position, *heads[answer.partition + 1 :])

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
        """Count a session that follows an answer, by its channel's key, if it is known here."""
        if answer := self.archive.find(key):
            self.joined(answer, session_id)

    def viewer_left(self, key: str, session_id: str) -> None:
        """Count it no more; see `left`."""
        if answer := self.archive.find(key):
            self.left(answer, session_id)

    def joined(self, answer: Answer, session_id: str) -> None:
        """Count a session that views an answer."""
        if answer.home and answer.invoke.on_abandoned == stream_pb2.ON_ABANDONED_CANCEL:
            self.abroad.tell(answer, "answer.view", session_id, "joined")
        else:
            self._views.join(answer, session_id)

    def left(self, answer: Answer, session_id: str) -> None:
        """Count it no more.

        The last that leaves may cancel the answer, if its invocation said so.
        """
        if answer.home and answer.invoke.on_abandoned == stream_pb2.ON_ABANDONED_CANCEL:
            self.abroad.tell(answer, "answer.view", session_id, "left")
        else:
            self._views.leave(answer, session_id)

    # Within.

    def _close(self, answer: Answer) -> None:
        """Keep an answer whose ending is in the log."""
        self.abroad.drop(answer)
        if self.records is not None:
            self.records.close(answer)
        if answer.conversation and not answer.home:
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

    def disown(self, answer: Answer) -> None:
        """Forget an answer that was taken over, or that the log did not take.

        Nothing more is said of it here. Where no other node has it, it fails: else who views it
        would wait for ever for an end, or have what came later without what is missing.
        """
        worker = answer.worker
        self._leave(answer)
        self.dispatcher.give_up(answer)
        self.abroad.drop(answer)
        if self.records is not None:
            self.records.let_go(answer)
        self.conversations.give_up(answer)
        self.archive.drop(answer)
        self.abroad.expect(answer)
        if event := self._waiting.pop(answer, None):
            event.set()
        if worker is not None:
            worker.send(superseded(answer.stream_id, answer.attempt))
            self.dispatcher.feed(worker)
