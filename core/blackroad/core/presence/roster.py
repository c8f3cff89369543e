"""The roster: every session that is here, under the entity that it makes present."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.fleet.board import Board
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.log.base import Log
from blackroad.core.presence.claims import (
    NO_METADATA,
    check_capabilities,
    check_metadata,
    check_status,
)
from blackroad.core.presence.elsewhere import Elsewhere
from blackroad.core.presence.entity import Status, checked_entity, entity_of
from blackroad.core.presence.grace import Graces
from blackroad.core.presence.lease import Leases
from blackroad.core.presence.page import list_page
from blackroad.core.presence.record import ABSENT, Record, Stay
from blackroad.core.presence.records import MemoryRecords, Records
from blackroad.core.presence.shared import TOPIC, encoded
from blackroad.core.presence.teller import Teller
from blackroad.core.publisher import Publisher
from blackroad.core.settings import PresenceSettings
from blackroad.realtime.v1 import presence_pb2

MAX_ENTITIES = 100_000
MAX_SESSIONS = 10_000  # of one entity
RETOLD_NS = 60 * 1_000_000_000  # of those who went: what others may have missed of them


class Roster:
    """Sessions enter, change and leave; each change that can be seen becomes one event.

    What a call changes, it changes before it first suspends: concurrent calls lose nothing, and a
    cancelled one has done its work. It then returns when the log was offered the event (once `run`
    runs), so that what was acknowledged was told. What it says of itself is kept until it says
    something else: no heartbeat touches it.

    `alive` tells whether a session is still held by its connection. An entry lives as long, and a
    lease beyond.
    """

    def __init__(
        self,
        log: Log,
        publisher: Publisher,
        clock: Clock,
        node: str,
        settings: PresenceSettings | None = None,
        *,
        alive: Callable[[str], bool] = lambda session_id: True,
        records: Records | None = None,
        max_entities: int = MAX_ENTITIES,
        max_sessions: int = MAX_SESSIONS,
        board: Board | None = None,
    ) -> None:
        settings = settings or PresenceSettings()
        # Counts what somebody asks for on its session, and may refuse it.
        self.charge_command: Callable[[Identity], None] = lambda identity: None
        self.lease_seconds = settings.lease_seconds
        self._max_entities = max_entities
        self._max_sessions = max_sessions
        self._clock = clock
        self._node = node
        self._teller = Teller(log, publisher, clock)
        self._graces = Graces(settings.grace_seconds)
        self._leases = Leases(settings.lease_seconds, alive)
        self._records: Records = MemoryRecords() if records is None else records
        self._stays: dict[str, Stay] = {}
        self._board = None if board is None or board.alone else board
        self._elsewhere = Elsewhere(
            self._records, self._teller, clock, self._give_way, self._inherit, self._claims
        )
        # Told the keys of records that changed at other nodes, as the board says it.
        self.learned = self._elsewhere.learned
        if self._board is not None:
            self._board.listen(TOPIC, self._elsewhere.hear, passes_on=True)
        self._spoken = 0
        self._running = False
        self._draining = False

    def __len__(self) -> int:
        """Return how many entities are here."""
        return len(self._records)

    async def enter(
        self,
        identity: Identity,
        session_id: str,
        status: int = Status.ONLINE,
        metadata_json: str = "",
        capabilities: Iterable[str] = (),
        max_concurrency: int = 0,
        entity: tuple[Kind, str] | None = None,
    ) -> Stay:
        """Make a session's entry, or replace it; return it when it was told. See `arrive`."""
        stay = self.arrive(
            identity, session_id, status, metadata_json, capabilities, max_concurrency, entity
        )
        await self._told()
        return stay

    def arrive(
        self,
        identity: Identity,
        session_id: str,
        status: int = Status.ONLINE,
        metadata_json: str = "",
        capabilities: Iterable[str] = (),
        max_concurrency: int = 0,
        entity: tuple[Kind, str] | None = None,
    ) -> Stay:
        """Make a session's entry, or replace it; it is told soon, with all others of this tick.

        Zero status: online; empty metadata: none. `max_concurrency` above zero makes it a worker's.
        `entity` is what it makes present, where that is not the identity itself (a worker serves an
        agent's name). An entry of the same entity whose connection was lost is taken over. Returns
        the entry, to be given to `leave`. Raises `Rejection` (BAD_FRAME, TOO_LARGE, INVALID_NAME,
        FORBIDDEN; RATE_LIMITED for too many sessions of one entity, UNAVAILABLE for too many
        entities) and then changed nothing.
        """
        whom = entity_of(identity) if entity is None else checked_entity(identity.tenant, *entity)
        stay = Stay(
            session_id,
            whom,
            check_status(status or Status.ONLINE),
            check_metadata(metadata_json) if metadata_json else NO_METADATA,
            check_capabilities(capabilities),
            max_concurrency or None,
            self._node,
            connected_ns=self._clock.time_ns(),
            spoke=self._next_word() if metadata_json else 0,
            renewed=self._clock.monotonic(),
        )
        self._admit(stay)
        return stay

    async def update(
        self,
        session_id: str,
        status: int | None = None,
        metadata_json: str | None = None,
        *,
        capabilities: Iterable[str] | None = None,
        max_concurrency: int | None = None,
        active: int | None = None,
    ) -> None:
        """Change what is given of an entry, and leave the rest. Zero status: unchanged.

        NOT_FOUND where the session has no entry; otherwise refused as `enter` is, and then changed
        nothing.
        """
        stay = self._stays.get(session_id)
        if stay is None:
            raise Rejection(Code.NOT_FOUND, "the session has not announced itself")
        checked_status = check_status(status) if status else stay.status
        checked_metadata = None if metadata_json is None else check_metadata(metadata_json)
        if capabilities is not None:
            stay.capabilities = check_capabilities(capabilities)
        stay.status = checked_status
        if checked_metadata is not None:
            stay.metadata_json, stay.spoke = checked_metadata, self._next_word()
        if max_concurrency is not None:
            stay.capacity = max_concurrency
        if active is not None:
            stay.active = active
        self._share(stay)
        await self._told()

    def load(self, session_id: str, active: int) -> None:
        """Note how many invocations a worker has now. Never waits; unknown sessions are ignored."""
        stay = self._stays.get(session_id)
        if stay is not None and stay.active != active:
            stay.active = active
            self._share(stay)

    async def leave(self, session_id: str, clean: bool, stay: Stay | None = None) -> None:
        """End a session's entry; return when a clean leave was told. See `depart`."""
        if self.depart(session_id, clean, stay):
            await self._told()

    def depart(self, session_id: str, clean: bool, stay: Stay | None = None) -> bool:
        """End a session's entry: at once where it said so (`clean`), else after a grace.

        Idempotent. With `stay`, only that entry: the late end of an old connection never evicts a
        newer one of the same session. Returns whether there is something to be told now.
        """
        present = self._stays.get(session_id)
        if present is None or (stay is not None and stay is not present):
            return False
        if clean:
            self._let_go(present)
        elif not present.lost_ns:
            self._lose(present)
        return clean

    def entry(self, session_id: str) -> Stay | None:
        """Return a session's entry."""
        return self._stays.get(session_id)

    def record(self, key: str) -> Record | None:
        """Return a record as it is kept, for those who follow it."""
        return self._records.get(key)

    def page(self, pattern: str, after: str, limit: int) -> Sequence[Record]:
        """Return up to `limit` records that are here, by key, after a key."""
        return self._records.page(pattern, after, limit)

    def get(self, tenant: str, kind: Kind, identifier: str) -> presence_pb2.Presence:
        """Return an entity as it stands; offline where it was never here. INVALID_NAME."""
        entity = checked_entity(tenant, kind, identifier)
        return self.look(self._records.get(entity.key) or Record(entity))

    def look(self, record: Record) -> presence_pb2.Presence:
        """Return a record as it stands; its end is told then, even if its coming never was."""
        if record.told == ABSENT and record.version != record.told_version:
            record.told = None
        return record.presence(self._clock.time_ns())

    def list(
        self,
        tenant: str,
        kind: Kind | None = None,
        status: int = 0,
        page_size: int = 0,
        page_token: str = "",
    ) -> tuple[Sequence[presence_pb2.Presence], str]:
        """Return a page of entities by type and id, and the next page's token: empty on the last.

        Zero status: all that are here; offline: those that went not long ago. A page may hold fewer
        than `page_size` (zero: 50; at most 500). BAD_FRAME for a token of another place.
        """
        return list_page(self._records, self.look, tenant, kind, status, page_size, page_token)

    def retell(self, order: int) -> None:
        """Tell again who is here by this node, and who was until just now; see `Fleet.sure`.

        After a loss nobody can know which of these was told, and by whom, nor which was told of an
        entity by a node that had not heard of it.
        """
        self._teller.order = max(self._teller.order, order)
        for stay in self._stays.values():
            self._owe_again(self._record_of(stay))
        for record in self._records.gone_since(self._clock.time_ns() - RETOLD_NS):
            if record.told_version == record.version:  # else it was another node's
                self._owe_again(record)

    def drain(self) -> None:
        """Keep whoever is lost from now on: it goes to another node. Clean leaves still show."""
        self._draining = True

    async def run(self) -> None:
        """Tell changes, end graces and watch leases, until cancelled."""
        self._running = True
        try:
            while True:
                self._teller.changed.clear()
                await self.step()
                await self._wait()
        finally:
            self._running = False
            self._teller.release()

    async def step(self) -> None:
        """Do what is due by the clock. `run` calls it; a test with a clock of its own may."""
        now = self._clock.monotonic()
        for stay in self._leases.lapsed(self._stays, now):
            self._lose(stay)
        if not self._draining:
            for stay in self._graces.ended(now):
                if self._stays.get(stay.session_id) is stay:
                    self._let_go(stay)
        await self._teller.tell()

    async def _wait(self) -> None:
        """Return when something changed, or the next thing is due."""
        due = min(self._leases.due, self._teller.due)
        if not self._draining:
            due = min(due, self._graces.due)
        try:
            async with asyncio.timeout(max(due - self._clock.monotonic(), 0)):
                await self._teller.changed.wait()
        except TimeoutError:
            pass

    async def _told(self) -> None:
        if self._running and self._board is None:
            await self._teller.told()

    def _admit(self, stay: Stay) -> None:
        """Put an entry in its place, and in the place of one that it continues."""
        record = self._records.get(stay.key) or Record(stay.entity)
        former = self._stays.get(stay.session_id) or record.lost_like(stay)
        self._check_room(record, former)
        if former is not None:
            self._forget(former)
        self._stays[stay.session_id] = stay
        record.stays[stay.session_id] = stay
        self._records.arrive(record)
        self._share(stay)

    def _check_room(self, record: Record, former: Stay | None) -> None:
        if former is None and len(record.stays) >= self._max_sessions:
            raise Rejection(Code.RATE_LIMITED, "this entity has as many sessions as it may")
        full = not record.stays and len(self._records) >= self._max_entities
        if full or self._teller.backlog > self._max_entities:
            raise Rejection(Code.UNAVAILABLE, "this node knows as many entities as it can")

    def _lose(self, stay: Stay) -> None:
        """Begin the grace of an entry whose connection was lost."""
        stay.lost_ns = self._clock.time_ns()
        self._record_of(stay).lost[stay.session_id] = stay
        self._graces.begin(stay, self._clock.monotonic())
        self._teller.changed.set()

    def _let_go(self, stay: Stay) -> None:
        """End an entry of this node; where its session is at another one, that one's is shown."""
        self._forget(stay)
        self._elsewhere.stand_in(stay.session_id)

    def _claims(self, session_id: str) -> Iterable[tuple[str, bytes]]:
        return () if self._board is None else self._board.claims(TOPIC, session_id)

    def _forget(self, stay: Stay) -> None:
        """Take an entry out of its record."""
        record = self._record_of(stay)
        del self._stays[stay.session_id]
        del record.stays[stay.session_id]
        record.lost.pop(stay.session_id, None)
        record.seen_ns = max(record.seen_ns, stay.lost_ns or self._clock.time_ns())
        if not record.stays:
            self._records.depart(record)
        record.touch(self._clock.time_ns())
        if self._board is None:
            self._teller.owe(record)
        else:
            self._board.drop(TOPIC, stay.session_id)

    def _record_of(self, stay: Stay) -> Record:
        record = self._records.get(stay.key)
        assert record is not None  # noqa: S101 (an entry is always in the record of its entity)
        return record

    def _give_way(self, session_id: str) -> bool:
        """Let go of an entry that was lost here; False where its session has come here since."""
        stay = self._stays.get(session_id)
        if stay is not None and stay.lost_ns:
            self._forget(stay)
            return True
        return stay is None

    def _inherit(self, session_id: str, stay: Stay | None) -> None:
        """Keep a lost node's entry for the grace. None: the session has moved on since."""
        if stay is not None:
            stay.origin = ""
            self._stays[session_id] = stay
            self._lose(stay)
        elif session_id not in self._stays and self._board is not None:
            self._board.drop(TOPIC, session_id)

    def _share(self, stay: Stay) -> None:
        """Let others know of an entry; clients are told once all nodes can know."""
        record = self._record_of(stay)
        record.touch(self._clock.time_ns())
        if self._board is None:
            self._teller.owe(record)
        else:
            self._board.put(TOPIC, stay.session_id, encoded(stay))

    def _owe_again(self, record: Record) -> None:
        record.told = None
        self._teller.owe(record)

    def _next_word(self) -> int:
        """Return a number above all before it, on every node: who speaks later has the greater."""
        self._spoken = max(self._spoken + 1, self._clock.time_ns())
        return self._spoken
