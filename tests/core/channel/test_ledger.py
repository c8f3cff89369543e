"""Control events do the same on every node, and those that have lost a race do nothing."""

import msgspec

from blackroad.core.channel.control import (
    CREATED,
    DELETED,
    MEMBER_ADDED,
    MEMBER_REMOVED,
    UPDATED,
    Body,
    Created,
    Deleted,
    MemberChanged,
    Updated,
)
from blackroad.core.channel.ledger import Ledger
from blackroad.core.channel.policy import Access, Policy
from blackroad.core.channel.rules import Rules
from blackroad.core.channel.store import MemoryChannelStore
from blackroad.core.log.base import Append
from blackroad.core.log.entry import Entry
from blackroad.core.names import scope
from tests.core.channel.world import World

KEY = "acme.plans"
SECRET = Policy(access=Access.PRIVATE)


async def write(world: World, event_type: str, body: Body, name: str = "plans") -> str:
    """Write a control event as some node does; return its id once it is applied."""
    record = world.publisher.record(name, event_type, json=body)
    await world.publisher.emit([Append(scope("acme", name), [record])])
    await world.catch_up()
    return record.event_id


def etag(world: World) -> str:
    record = world.directory.ledger.store.record(KEY)
    return record.etag if record is not None else ""


async def test_the_first_of_two_creations_holds(world: World) -> None:
    first = await write(world, CREATED, Created(SECRET, "ada", ("ada",)))
    changes = len(world.changes)
    await write(world, CREATED, Created(Policy(), "bob", ("bob",)))
    assert etag(world) == first
    assert world.directory.policy(KEY).private
    assert world.directory.ledger.store.member(KEY, "bob") is None
    assert len(world.changes) == changes


async def test_an_update_or_deletion_with_a_stale_etag_does_nothing(world: World) -> None:
    first = await write(world, CREATED, Created(SECRET, "ada"))
    second = await write(world, UPDATED, Updated(SECRET, first))
    await write(world, UPDATED, Updated(Policy(), first))
    await write(world, DELETED, Deleted(first))
    assert etag(world) == second
    await write(world, DELETED, Deleted(second))
    assert etag(world) == ""


async def test_members_are_added_and_removed_once(world: World) -> None:
    for event_type in (MEMBER_ADDED, MEMBER_ADDED, MEMBER_REMOVED, MEMBER_REMOVED):
        await write(world, event_type, MemberChanged("ada"))
    told = [change.what.value for change in world.changes if change.key == KEY]
    assert told == ["member_added", "member_removed"]
    assert world.directory.ledger.store.memberships("acme", "ada") == set()


async def test_occupancy_in_the_words_of_made_channels_changes_nothing(world: World) -> None:
    body = MemberChanged("ada")
    await write(world, "channel.member_joined", body, "presence.channel.plans")
    await write(world, "channel.presence_update", body, "presence.channel.plans")
    assert world.changes == []


async def test_another_node_that_reads_the_same_events_knows_the_same(world: World) -> None:
    other = Ledger(MemoryChannelStore(), Rules({}))

    def apply(entry: Entry) -> None:
        other.apply(entry)

    world.hub.watch(KEY, apply)
    first = await write(world, CREATED, Created(SECRET, "ada", ("ada", "bob")))
    metadata = msgspec.Raw(b'{"a":1}')
    await write(world, UPDATED, Updated(SECRET, first, metadata))
    await write(world, MEMBER_REMOVED, MemberChanged("bob"))
    mine = world.directory.ledger.store
    assert other.store.record(KEY) == mine.record(KEY)
    assert other.store.members(KEY, "", 9) == mine.members(KEY, "", 9)
    assert list(other.private_keys("acme")) == [KEY]
