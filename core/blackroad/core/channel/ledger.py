"""The state of channels as the log tells it: control events applied in their order."""

from collections import OrderedDict
from collections.abc import Collection
from typing import Final

import msgspec

from blackroad.core.channel.control import (
    BODIES,
    MEMBER_ADDED,
    Body,
    Change,
    Created,
    Deleted,
    MemberChanged,
    Updated,
    What,
)
from blackroad.core.channel.policy import Policy
from blackroad.core.channel.rules import Rules
from blackroad.core.channel.store import (
    ChannelMember,
    ChannelRecord,
    ChannelStore,
    MemoryChannelStore,
)
from blackroad.core.log.entry import Entry
from blackroad.core.names import tenant_of, unscope
from blackroad.realtime.v1 import event_pb2

MAX_REMEMBERED: Final = 1 << 16


class Ledger:
    """What each control event does, the same on every node that reads the log.

    An event that has lost a race (made twice, or with an etag that is not the present one) has no
    effect anywhere.
    """

    def __init__(self, store: ChannelStore, rules: Rules) -> None:
        self.store = store
        self.applied = 0  # how many control events
        self.forgotten: set[str] = set()  # channels of whose deletion nothing is known any more
        self._rules = rules
        self._private: dict[str, dict[str, None]] = {}  # by tenant: those that are known by name
        self._floors: OrderedDict[str, int] = OrderedDict()  # the latest deletion last

    def policy(self, key: str) -> Policy:
        """Return the policy in force."""
        record = self.store.record(key)
        return record.policy if record is not None else self._rules.policy(unscope(key))

    def default_policy(self, key: str) -> Policy:
        """Return the policy that the channel has without a record."""
        return self._rules.policy(unscope(key))

    def private_keys(self, tenant: str) -> Collection[str]:
        """Return the private channels of a tenant that are known by name."""
        return self._private.get(tenant, {}).keys()

    def note_private(self, key: str) -> bool:
        """Know a private channel by name; tell whether it is news. Bounded: beyond it none is."""
        known = self._private.setdefault(tenant_of(key), {})
        if key in known or len(known) >= MAX_REMEMBERED:
            return False
        known[key] = None
        return True

    def floor(self, key: str) -> int:
        """Return the offset at which the channel was last deleted: nobody reads what was before."""
        return self._floors.get(key, 0)

    def known(self) -> set[str]:
        """Return the keys of all channels of which control events have made something."""
        return self.store.known() | self._floors.keys()

    def apply(self, entry: Entry) -> list[Change]:
        """Take up a control event; return what it has changed. Other events change nothing."""
        kind = BODIES.get(entry.type)
        if kind is None:
            return []
        self.applied += 1
        event = event_pb2.Event.FromString(entry.body)
        body: Body = msgspec.json.decode(event.json, type=kind)
        changes = self._changed(entry, event.id, body)
        if changes:
            self._index(entry.key)
        return changes

    def restore(
        self, key: str, record: ChannelRecord | None, members: list[ChannelMember], floor: int
    ) -> None:
        """Take up a channel as events before this process have made it."""
        if record is not None:
            self.store.put(record)
        for member in members:
            self.store.add(key, member)
        if floor:
            self._note_floor(key, floor)
        self._index(key)

    def blank(self) -> "Ledger":
        """Return one of the same rules in which nothing was applied."""
        return Ledger(MemoryChannelStore(), self._rules)

    def become(self, key: str, truth: "Ledger") -> list[Change]:
        """Take over what another ledger says of a channel; return what that has changed."""
        changes = self._take_record(key, truth.store.record(key))
        ours, theirs = _members(self.store, key), _members(truth.store, key)
        for subject in ours.keys() - theirs.keys():
            self.store.remove(key, subject)
            changes.append(Change(key, What.MEMBER_REMOVED, subject))
        for subject in theirs.keys() - ours.keys():
            self.store.add(key, theirs[subject])
            changes.append(Change(key, What.MEMBER_ADDED, subject))
        if truth.floor(key) > self.floor(key):
            self._note_floor(key, truth.floor(key))
        if changes:
            self._index(key)
        return changes

    def _take_record(self, key: str, record: ChannelRecord | None) -> list[Change]:
        if record == self.store.record(key):
            return []
        if record is None:
            self.store.drop(key)
            return [Change(key, What.DELETED)]
        self.store.put(record)
        return [Change(key, What.POLICY, event_id=record.etag)]

    def _changed(self, entry: Entry, event_id: str, body: Body) -> list[Change]:
        match body:
            case Created():
                return self._create(entry, event_id, body)
            case Updated():
                return self._update(entry, event_id, body)
            case Deleted():
                return self._delete(entry, event_id, body)
            case MemberChanged():
                return self._change_member(entry, event_id, body)

    def _create(self, entry: Entry, event_id: str, body: Created) -> list[Change]:
        old = self.store.record(entry.key)
        if old is not None and old.made:
            return []
        self.store.put(
            ChannelRecord(
                entry.key,
                body.policy,
                bytes(body.metadata).decode(),
                body.owner,
                entry.time_ns,
                entry.time_ns,
                event_id,
                made=True,
            )
        )
        added = [s for s in body.members if self.store.add(entry.key, _member(s, entry))]
        return [
            Change(entry.key, What.POLICY, event_id=event_id),
            *(Change(entry.key, What.MEMBER_ADDED, subject, event_id) for subject in added),
        ]

    def _update(self, entry: Entry, event_id: str, body: Updated) -> list[Change]:
        old = self.store.record(entry.key)
        if body.previous != (old.etag if old is not None else ""):
            return []
        self.store.put(
            ChannelRecord(
                entry.key,
                body.policy,
                bytes(body.metadata).decode(),
                old.owner if old is not None else "",
                old.created_ns if old is not None else 0,
                entry.time_ns,
                event_id,
                made=old is not None and old.made,
            )
        )
        return [Change(entry.key, What.POLICY, event_id=event_id)]

    def _delete(self, entry: Entry, event_id: str, body: Deleted) -> list[Change]:
        old = self.store.record(entry.key)
        if body.previous != (old.etag if old is not None else ""):
            return []
        self.store.drop(entry.key)
        self._note_floor(entry.key, entry.offset)
        return [Change(entry.key, What.DELETED, event_id=event_id)]

    def _change_member(self, entry: Entry, event_id: str, body: MemberChanged) -> list[Change]:
        if entry.type == MEMBER_ADDED:
            if self.store.add(entry.key, _member(body.client_id, entry)):
                return [Change(entry.key, What.MEMBER_ADDED, body.client_id, event_id)]
        elif self.store.remove(entry.key, body.client_id):
            return [Change(entry.key, What.MEMBER_REMOVED, body.client_id, event_id)]
        return []

    def _note_floor(self, key: str, offset: int) -> None:
        self._floors[key] = offset
        self._floors.move_to_end(key)
        if len(self._floors) > MAX_REMEMBERED:
            forgotten, _ = self._floors.popitem(last=False)
            if len(self.forgotten) < MAX_REMEMBERED:
                self.forgotten.add(forgotten)

    def _index(self, key: str) -> None:
        if self.policy(key).private:
            self.note_private(key)
        else:
            self._private.get(tenant_of(key), {}).pop(key, None)


def _members(store: ChannelStore, key: str) -> dict[str, ChannelMember]:
    found = store.members(key, "", store.member_count(key))
    return {member.subject: member for member in found}


def _member(subject: str, entry: Entry) -> ChannelMember:
    return ChannelMember(subject, entry.time_ns, entry.offset)
