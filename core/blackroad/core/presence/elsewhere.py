"""Who is here by other nodes: their entries, as the board tells of them."""

from collections.abc import Callable, Iterable

from blackroad.core.clock import Clock
from blackroad.core.fleet.board import Change
from blackroad.core.presence.record import Record, Stay
from blackroad.core.presence.records import Records
from blackroad.core.presence.shared import decoded
from blackroad.core.presence.teller import Teller


class Elsewhere:
    """Keeps the entries of other nodes in the records, beside those of this one.

    Their own node tells clients of them; this one of what it may have told wrongly. What a lost
    node had passes to its heir, which `inherits` it as an entry of its own whose connection was
    lost: its client may come by another node. What the board says of this node's own entries means
    that all nodes can know them: only then are they told.

    A session whose connection moved may for a while be claimed by two nodes: one that stood still
    says what it had, when it goes on. One of them is shown; when that one lets go, another one that
    `claims` it.

    `give_way` lets go of an entry of this node whose session has moved on; False: it has come back
    since, and stays.
    """

    def __init__(
        self,
        records: Records,
        teller: Teller,
        clock: Clock,
        give_way: Callable[[str], bool],
        inherit: Callable[[str, Stay | None], None],
        claims: Callable[[str], Iterable[tuple[str, bytes]]],
    ) -> None:
        # Told the keys of records that changed at other nodes.
        self.learned: dict[Callable[[str], None], None] = {}
        self._records = records
        self._teller = teller
        self._clock = clock
        self._give_way = give_way
        self._inherit = inherit
        self._claims = claims
        self._keys: dict[str, str] = {}  # of records, by the sessions on the board

    def hear(self, change: Change) -> None:
        """Take up an entry of another node, or that one of this node's own is known to all."""
        self._teller.order = change.order
        if change.former:
            self._pass_on(change)
        elif change.mine:
            self._hear_own(change)
        elif change.value is not None:
            self._take_in(decoded(change.key, change.value, change.node), owe=change.anew)
        elif stay := self._entry(change.key, change.node):
            self._remove(stay, owe=change.anew)

    def stand_in(self, session_id: str) -> None:
        """Show a session that one node has let go by another one that claims it, if any."""
        for node, value in self._claims(session_id):
            self._take_in(decoded(session_id, value, node), owe=False)

    def _hear_own(self, change: Change) -> None:
        if change.value is not None:
            self._keys[change.key] = decoded(change.key, change.value, "").key
        key = self._keys.get(change.key, "")
        record = self._records.get(key)
        stay = record.stays.get(change.key) if record is not None else None
        if stay is not None and stay.origin:
            return  # it has moved on, and its node tells of it
        if stay is None:
            self._keys.pop(change.key, None)
        if record is not None:
            if change.reborn and stay is not None and not stay.lost_ns:
                record.told = None
            self._teller.owe(record)

    def _pass_on(self, change: Change) -> None:
        """Have an entry of a lost node be its heir's, unless the session has moved on."""
        stay = self._entry(change.key, change.former)
        if change.mine:
            self._inherit(change.key, stay)
        elif stay is not None and change.value is not None:
            self._take_in(decoded(change.key, change.value, change.node), owe=False)

    def _entry(self, session_id: str, node: str) -> Stay | None:
        """Return the entry that another node has had; None where the session has moved on."""
        record = self._records.get(self._keys.get(session_id, ""))
        stay = record.stays.get(session_id) if record is not None else None
        return stay if stay is not None and stay.origin == node else None

    def _take_in(self, stay: Stay, *, owe: bool) -> None:
        """Have an entry of another node in its record, in the place of one that was lost here."""
        if not self._give_way(stay.session_id):
            return
        record = self._records.get(stay.key) or Record(stay.entity)
        record.stays[stay.session_id] = stay
        self._keys[stay.session_id] = stay.key
        self._records.arrive(record)
        self._learn(record)
        if owe:
            self._teller.owe(record)

    def _remove(self, stay: Stay, *, owe: bool) -> None:
        """Take an entry out of its record, if it is still there."""
        record = self._records.get(stay.key)
        if record is None or record.stays.get(stay.session_id) is not stay:
            return
        del record.stays[stay.session_id]
        self._keys.pop(stay.session_id, None)
        record.seen_ns = max(record.seen_ns, self._clock.time_ns())
        if not record.stays:
            self._records.depart(record)
        self._learn(record)
        if owe:
            self._teller.owe(record)
        self.stand_in(stay.session_id)

    def _learn(self, record: Record) -> None:
        """Note that a record changed elsewhere: what was told of it there is not known here."""
        record.touch(self._clock.time_ns())
        record.told = None
        for told in tuple(self.learned):
            told(record.key)
