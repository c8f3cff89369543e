"""What is revoked, and for how long that is known."""

import json

import pytest

from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.identity.revocations import REVOKED, Revocation, Revocations
from blackroad.core.log.entry import Entry
from blackroad.core.log.record import Record
from blackroad.realtime.v1 import event_pb2

DAY = 86400.0


def who(
    subject: str = "ann", *, jti: str = "t1", issued_at: float | None, tenant: str = "default"
) -> Identity:
    return Identity(tenant, subject, Kind.USER, token_id=jti, issued_at=issued_at)


class World:
    """Revocations and the events that make them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.revocations = Revocations(self.clock, DAY)
        self.told: list[Revocation] = []
        self.revocations.listeners.append(self.told.append)
        self.count = 0

    @property
    def now(self) -> float:
        return self.clock.time_ns() / 1e9

    def revoke(self, key: str = "default.system.control", **body: object) -> None:
        self.count += 1
        event = event_pb2.Event(id=f"ev_{self.count:06}", json=json.dumps(body), sender="admin")
        record = Record(event.id, REVOKED, event.SerializeToString())
        entry = Entry(key, record, 0, 1, self.count, self.count, self.clock.time_ns())
        self.revocations.apply(entry)

    def refused(self, identity: Identity) -> bool:
        try:
            self.revocations.check(identity)
        except Rejection as rejection:
            return rejection.code is Code.UNAUTHENTICATED
        return False


@pytest.fixture
def world() -> World:
    return World()


def test_a_token_is_revoked_by_its_id_and_no_other(world: World) -> None:
    world.revoke(jti="t1")
    assert world.refused(who(issued_at=None))
    assert not world.refused(who(jti="t2", issued_at=None))
    assert not world.refused(who(issued_at=None, tenant="acme"))


def test_a_subjects_tokens_are_revoked_up_to_a_time(world: World) -> None:
    world.revoke(subject="ann", before=world.now)
    assert world.refused(who(issued_at=world.now - 1))
    assert not world.refused(who(issued_at=world.now))
    assert not world.refused(who("bob", issued_at=world.now - 1))
    assert world.refused(who(issued_at=None)), "who does not say when is as good as old"


def test_a_later_revocation_with_an_earlier_time_gives_nothing_back(world: World) -> None:
    world.revoke(subject="ann", before=world.now)
    world.revoke(subject="ann", before=world.now - 1000)
    assert world.refused(who(issued_at=world.now - 1))


def test_each_is_told_once_it_holds(world: World) -> None:
    held: list[bool] = []
    world.revocations.listeners.append(lambda made: held.append(world.refused(who(issued_at=0))))
    world.revoke(jti="t1")
    assert held == [True]
    assert [made.sender for made in world.told] == ["admin"]


def test_events_of_other_channels_revoke_nothing(world: World) -> None:
    world.revoke("default.orders", jti="t1")
    world.revoke("default.x.system.control", jti="t1")
    assert not world.refused(who(issued_at=0))
    assert not world.told


def test_one_is_kept_until_no_token_can_be_left(world: World) -> None:
    world.revoke(jti="t1")
    world.revoke(subject="ann", before=world.now)
    world.clock.advance(DAY - 1)
    world.revoke(jti="t3")
    assert len(world.revocations) == 3
    assert world.refused(who(issued_at=world.now - DAY))
    world.clock.advance(2)
    assert [made.what.jti for made in world.revocations.page("default", "", 10)] == ["t3"]
    assert not world.refused(who(jti="t1", issued_at=world.now))


def test_pages_are_newest_first_and_of_one_tenant(world: World) -> None:
    for number in range(5):
        world.revoke(jti=f"t{number}")
        world.revoke("acme.system.control", jti="other")
    first = world.revocations.page("default", "", 3)
    assert [made.what.jti for made in first] == ["t4", "t3", "t2"]
    rest = world.revocations.page("default", first[-1].id, 3)
    assert [made.what.jti for made in rest] == ["t1", "t0"]
