"""A node: one core process's parts, put together."""

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from types import TracebackType
from typing import Self

import structlog

from blackroad.core.admin.calls import AdminCalls
from blackroad.core.alerts import Alerts
from blackroad.core.channel.calls import ChannelCalls
from blackroad.core.channel.control import BODIES
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.folding import LOOK_SECONDS as FOLD_SECONDS
from blackroad.core.channel.folding import Folding
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.parts import Parts
from blackroad.core.channel.rules import Rules
from blackroad.core.channel.start import Starter
from blackroad.core.clock import Clock, SystemClock
from blackroad.core.errors import Code, Ending
from blackroad.core.fleet.fleet import Fleet
from blackroad.core.gateway.requests import Requests
from blackroad.core.gateway.session import BrowserSession
from blackroad.core.gateway.trunk import Trunk
from blackroad.core.gateway.trunks import Trunks
from blackroad.core.hub.group import Groups
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.audit import AUDIT
from blackroad.core.identity.expiry import LOOK_SECONDS, Expiring, Expiry
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.peer import Peers
from blackroad.core.identity.renewal import Renewal
from blackroad.core.identity.revocations import REVOKED, Revocation
from blackroad.core.identity.tickets import MemoryTickets, SharedTickets, Tickets
from blackroad.core.limits.budget import Budget
from blackroad.core.limits.quota import LocalQuota, MakeQuota
from blackroad.core.limits.rates import SWEEP_SECONDS, Rates
from blackroad.core.limits.shared import Settlement
from blackroad.core.log.engine import MEMORY, EngineSettings, engine_of, is_shared
from blackroad.core.log.entry import Entry, Positions
from blackroad.core.log.shelf import Shelf
from blackroad.core.presence.calls import PresenceCalls
from blackroad.core.presence.roster import Roster
from blackroad.core.publisher import Publisher
from blackroad.core.sessions import Session, Sessions
from blackroad.core.settings import CoreSettings
from blackroad.core.stream.answers import Answers
from blackroad.core.ticker import Ticker

# Of the time for a drain: what answers may take, and over what sessions are told.
ANSWERS_SHARE = 0.7
TELL_SHARE = 0.2
EDGE_SECONDS = 0.5


class Node:
    """Holds the parts and runs their background tasks: ``async with node:``.

    Each part gets just the parts that it stands on; only doors are given the node.
    """

    def __init__(self, settings: CoreSettings, clock: Clock, name: str) -> None:
        self.settings = settings
        self.clock = clock
        self.name = name
        self.started_ns = clock.time_ns()
        self.draining = False
        self.budget = Budget(settings.limits.queued_bytes)
        self.engine = engine_of(_engine(settings), clock)
        self.settlement: Settlement | None = None
        make: MakeQuota = LocalQuota
        if self.engine.accounts is not None:
            self.settlement = Settlement(self.engine.accounts, clock)
            make = self.settlement.quota
        self.rates = Rates(settings.limits, clock, make)
        self.log = self.engine.log
        self.hub = Hub(self.log)
        self.fleet = Fleet(self.log, self.hub, alone=not is_shared(settings.log))
        self.fleet.alert = self._node_lost
        self.ticker = Ticker()
        self.expiry = Expiry(clock)
        self.sessions = Sessions(self.expiry)
        tickets: Tickets = MemoryTickets(clock)
        if settings.log != MEMORY:
            tickets = SharedTickets(Shelf(self.log, "ticket"), clock)
        self.peers = Peers(settings.auth, clock, settings.tls, tickets=tickets)
        self.peers.revocations.listeners.append(self._end_revoked)
        self.renew = Renewal(self.peers, self.expiry).renew
        self.directory = Directory(Rules(settings.namespaces))
        self.hub.is_private = self.directory.is_private
        self.hub.control = self._control
        self.folding = Folding(self.engine, self.hub, self.directory, self.peers.revocations)
        self.publisher = Publisher(self.log, self.directory, clock)
        self.publisher.charge = self.rates.charge
        self.alerts = Alerts(self.log, self.publisher, self.sessions, self.name)
        self.occupants = Occupants(
            self.log,
            self.publisher,
            self.directory,
            clock,
            settings.presence.grace_seconds,
            self.fleet.board,
        )
        self.roster = Roster(
            self.log,
            self.publisher,
            clock,
            self.name,
            settings.presence,
            alive=lambda session_id: self.sessions.get(session_id) is not None,
            board=self.fleet.board,
        )
        self.fleet.sure = self.roster.retell
        self.answers = Answers(
            self.log,
            self.hub,
            self.publisher,
            self.directory,
            self.roster,
            clock,
            settings.answers,
            self.fleet,
        )
        self.answers.charge = self.rates.charge
        self.answers.charge_command = self.roster.charge_command = self.rates.charge_command
        self.channels = ChannelCalls(
            self.log,
            self.hub,
            self.directory,
            self.occupants,
            self.publisher,
            clock,
        )
        self.presences = PresenceCalls(self.roster, self.directory, self.occupants)
        starter = Starter(self.hub, self.directory, self.answers)
        self.parts = Parts(self.hub, self.directory, self.occupants, starter, self.answers)
        self.parts.charge_command = self.rates.charge_command
        self.parts.budget = self.answers.budget = self.budget
        self._lose = self.hub.missed
        self.hub.missed = self._missed
        self.groups = Groups(self.hub)
        self.trunks = Trunks()
        self.admin = AdminCalls(
            self.sessions,
            self.directory,
            self.trunks,
            self.fleet,
            self.log,
            self.name,
            self.started_ns,
            lambda: self.draining,
        )
        self._requests = Requests(
            self.peers,
            self.hub,
            self.sessions,
            self.publisher,
            self.channels,
            self.presences,
            self.roster,
            self.answers,
            self.renew,
        )
        self._requests.charge_command = self.rates.charge_command
        self.engine_listeners: list[Callable[[], None]] = []  # of a log that was lost or is back
        self._tasks = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []
        self._ends = ExitStack()
        self._opened = AsyncExitStack()

    @classmethod
    def create(cls, settings: CoreSettings, clock: Clock | None = None) -> Self:
        """Return a node that is not yet running."""
        port = settings.grpc.rpartition(":")[2]
        name = settings.node or f"{socket.gethostname()}-{port}"
        return cls(settings, clock or SystemClock(), name)

    @property
    def development(self) -> bool:
        """Whether no keys are configured.

        Every caller has every right, and only loopback may reach it.
        """
        return self.settings.auth.development

    async def __aenter__(self) -> Self:
        # What is known of channels and revocations is what the log told of them.
        async with AsyncExitStack() as opening:
            opened = self.engine.open(self._engine_changed)
            kept = await opening.enter_async_context(opened)
            self.folding.unfold(kept)
            for entry in kept.entries:
                self._control(entry)
            self.hub.heads = self.log.heads()
            self._opened = opening.pop_all()
        await self._tasks.__aenter__()
        self._ends.enter_context(self.ticker.every(SWEEP_SECONDS, self.rates.sweep))
        self._ends.enter_context(self.ticker.every(LOOK_SECONDS, self.expiry.end_due))
        self._ends.enter_context(self.ticker.every(FOLD_SECONDS, self._fold))
        parts = (
            self.hub,
            self.fleet,
            self.ticker,
            self.occupants,
            self.roster,
            self.answers,
            self.peers,
        )
        self._running = [self._tasks.create_task(part.run()) for part in parts]
        if self.settlement is not None:
            self._running.append(self._tasks.create_task(self.settlement.run()))
        await self.fleet.settled()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.fleet.leave()
        for task in self._running:
            task.cancel()
        try:
            await self._tasks.__aexit__(kind, error, trace)
        finally:
            self._ends.close()
            await self._opened.aclose()

    @contextmanager
    def present(self, session: Session) -> Generator[None]:
        """Keep a session in the registry, and in what its task logs, while the context lasts."""
        self.sessions.add(session)
        structlog.contextvars.bind_contextvars(session=session.session_id)
        try:
            yield
        finally:
            self.sessions.remove(session)

    def open_trunk(self, identity: Identity, cursor: str = "") -> Trunk:
        """Return a gateway's new trunk, known by its id until it is removed.

        With a cursor it goes on where the gateway's former one stood.
        """
        trunk = Trunk(identity, self.parts, self._requests, self.clock.time_ns, cursor)
        self.trunks.add(trunk)
        self.expiry.add(trunk)
        return trunk

    def close_trunk(self, trunk: Trunk) -> None:
        """Forget a trunk that has ended. Idempotent."""
        self.expiry.remove(trunk)
        self.trunks.remove(trunk)

    def _missed(self, after: Positions) -> None:
        self._lose(after)
        self.fleet.missed(after)
        self.folding.miss(after)

    def _fold(self) -> None:
        if self.folding.due:
            self._tasks.create_task(self.folding.fold())

    def _control(self, entry: Entry) -> None:
        if entry.type == REVOKED:
            self.peers.revocations.apply(entry)
        else:
            self.directory.apply(entry)

    def _node_lost(self, name: str) -> None:
        text = f"the node {name} was lost"
        self._tasks.create_task(self.alerts.tell("critical", Code.UNAVAILABLE, text))

    def _engine_changed(self, healthy: bool, away_seconds: float) -> None:
        for listener in self.engine_listeners:
            listener()
        if healthy and self._running:
            text = f"the log's engine was away for {away_seconds:.1f} seconds"
            self._tasks.create_task(self.alerts.tell("warning", Code.UNAVAILABLE, text))

    def _end_revoked(self, revocation: Revocation) -> None:
        if not self._running:
            return  # it was told when it was made
        concerned: list[Expiring] = [*self.sessions.all(), *self.trunks.all()]
        ended = [session for session in concerned if revocation.ends(session.identity)]
        for session in ended:
            session.end(Ending(Code.UNAUTHENTICATED, "the token was revoked"))
        AUDIT.revoked(revocation, len(ended))

    async def drain(self, seconds: float) -> None:
        """Let answers finish, then tell every session to go, all within about the time given.

        New answers are refused at once. Sessions are told in batches, each with its own time to
        come back. Idempotent.
        """
        if self.draining:
            return
        self.draining = True
        await self.alerts.tell("warning", Code.DRAINING, f"{self.name} is shutting down")
        # 1. What is being answered is finished, and heard: an edge that drains as well goes first.
        if await self.answers.drain(seconds * ANSWERS_SHARE):
            await self.trunks.none(EDGE_SECONDS)
        # 2. Everybody is told.
        self.roster.drain()
        self.trunks.drain(retry_after_seconds=0.0)
        # An edge moves its browsers to another node, or tells them itself.
        await self.sessions.drain(seconds * TELL_SHARE, aside=BrowserSession)


def _engine(settings: CoreSettings) -> EngineSettings:
    retention, engine = settings.retention, settings.engine
    return EngineSettings(
        settings.log,
        retention.bytes,
        retention.seconds,
        retention.history_bytes,
        engine.partitions,
        engine.replicas,
        engine.prefix,
        frozenset({*BODIES, REVOKED}),
    )
