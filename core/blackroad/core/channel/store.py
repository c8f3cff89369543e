"""What is known of channels: their records and members, behind one protocol."""

from bisect import bisect_right, insort
from collections.abc import Collection
from dataclasses import dataclass
from heapq import nsmallest
from typing import Protocol

from blackroad.core.channel.policy import Policy
from blackroad.core.names import tenant_of


@dataclass(frozen=True, slots=True)
class ChannelRecord:
    """A channel with a policy of its own. `made`: by CreateChannel; else by UpdateChannel."""

    key: str
    policy: Policy
    metadata_json: str
    owner: str
    created_ns: int
    updated_ns: int
    etag: str
    made: bool


@dataclass(frozen=True, slots=True)
class ChannelMember:
    """A subject with a lasting right to a channel."""

    subject: str
    joined_ns: int
    joined_offset: int  # of the event that made it a member


class ChannelStore(Protocol):
    """Keeps records and members.

    Reads are from memory; writes come from control events, in the order of the log.
    """

    def record(self, key: str) -> ChannelRecord | None:
        """Return a channel's record; None where it has no policy of its own."""
        ...

    def put(self, record: ChannelRecord) -> None:
        """Add a record or replace it."""
        ...

    def drop(self, key: str) -> None:
        """Remove a channel's record and members. Idempotent."""
        ...

    def keys(self, tenant: str, after: str, limit: int) -> list[str]:
        """Return up to `limit` keys of a tenant's records after a key, in their order."""
        ...

    def count(self, tenant: str) -> int:
        """Return how many records a tenant has."""
        ...

    def known(self) -> set[str]:
        """Return the keys of all channels, of all tenants, that have a record or members."""
        ...

    def member(self, key: str, subject: str) -> ChannelMember | None:
        """Return a member of a channel."""
        ...

    def add(self, key: str, member: ChannelMember) -> bool:
        """Add a member; tell whether it was none before. One that is there stays as it is."""
        ...

    def remove(self, key: str, subject: str) -> bool:
        """Remove a member; tell whether it was one."""
        ...

    def members(self, key: str, after: str, limit: int) -> list[ChannelMember]:
        """Return up to `limit` members with subjects after `after`, in their order."""
        ...

    def member_count(self, key: str) -> int:
        """Return how many members a channel has."""
        ...

    def memberships(self, tenant: str, subject: str) -> Collection[str]:
        """Return the keys of the channels that a subject is a member of."""
        ...


class MemoryChannelStore:
    """A `ChannelStore` of one process: what it holds ends with it."""

    def __init__(self) -> None:
        self._records: dict[str, ChannelRecord] = {}
        self._keys: dict[str, list[str]] = {}  # by tenant, sorted
        self._members: dict[str, dict[str, ChannelMember]] = {}
        self._memberships: dict[tuple[str, str], dict[str, None]] = {}

    def record(self, key: str) -> ChannelRecord | None:
        """Return a channel's record."""
        return self._records.get(key)

    def put(self, record: ChannelRecord) -> None:
        """Add a record or replace it."""
        if record.key not in self._records:
            insort(self._keys.setdefault(tenant_of(record.key), []), record.key)
        self._records[record.key] = record

    def drop(self, key: str) -> None:
        """Remove a channel's record and members."""
        if self._records.pop(key, None) is not None:
            keys = self._keys[tenant_of(key)]
            del keys[bisect_right(keys, key) - 1]
        for subject in tuple(self._members.get(key, ())):
            self.remove(key, subject)

    def keys(self, tenant: str, after: str, limit: int) -> list[str]:
        """Return a page of a tenant's keys."""
        keys = self._keys.get(tenant, [])
        start = bisect_right(keys, after)
        return keys[start : start + limit]

    def known(self) -> set[str]:
        """Return the keys of all channels that have a record or members."""
        return {*self._records, *self._members}

    def count(self, tenant: str) -> int:
        """Return how many records a tenant has."""
        return len(self._keys.get(tenant, ()))

    def member(self, key: str, subject: str) -> ChannelMember | None:
        """Return a member of a channel."""
        return self._members.get(key, {}).get(subject)

    def add(self, key: str, member: ChannelMember) -> bool:
        """Add a member."""
        members = self._members.setdefault(key, {})
        if member.subject in members:
            return False
        members[member.subject] = member
        self._memberships.setdefault((tenant_of(key), member.subject), {})[key] = None
        return True

    def remove(self, key: str, subject: str) -> bool:
        """Remove a member."""
        members = self._members.get(key, {})
        if members.pop(subject, None) is None:
            return False
        if not members:
            del self._members[key]
        of_subject = self._memberships[tenant_of(key), subject]
        del of_subject[key]
        if not of_subject:
            del self._memberships[tenant_of(key), subject]
        return True

    def members(self, key: str, after: str, limit: int) -> list[ChannelMember]:
        """Return a page of members."""
        members = self._members.get(key, {})
        subjects = nsmallest(limit, (subject for subject in members if subject > after))
        return [members[subject] for subject in subjects]

    def member_count(self, key: str) -> int:
        """Return how many members a channel has."""
        return len(self._members.get(key, ()))

    def memberships(self, tenant: str, subject: str) -> Collection[str]:
        """Return the keys of the channels that a subject is a member of."""
        return self._memberships.get((tenant, subject), {}).keys()
