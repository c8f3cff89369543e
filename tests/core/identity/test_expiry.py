"""Sessions end 25 s after their tokens, and not before."""

from dataclasses import dataclass, field, replace

import pytest

from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Ending
from blackroad.core.identity.expiry import Expiry
from blackroad.core.identity.identity import Identity, Kind


@dataclass(eq=False)
class Session:
    """A session, as far as it ends."""

    identity: Identity
    session_id: str = "se_1"
    ended: list[Code] = field(default_factory=list)

    def end(self, ending: Ending) -> None:
        self.ended.append(ending.code)

    def refresh(self, expires_at: float) -> None:
        self.identity = replace(self.identity, expires_at=expires_at)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def expiring(clock: FakeClock, seconds: float, session_id: str = "se_1") -> Session:
    at = clock.time_ns() / 1e9 + seconds
    return Session(Identity("default", "ann", Kind.USER, expires_at=at), session_id)


def test_a_session_ends_a_margin_after_its_token(clock: FakeClock) -> None:
    expiry, session = Expiry(clock), expiring(clock, 60)
    expiry.add(session)
    clock.advance(84)
    expiry.end_due()
    assert session.ended == []
    clock.advance(2)
    expiry.end_due()
    expiry.end_due()
    assert session.ended == [Code.TOKEN_EXPIRED]


def test_a_refreshed_session_lives_on_and_a_shorter_token_ends_it_sooner(
    clock: FakeClock,
) -> None:
    expiry, session = Expiry(clock), expiring(clock, 60)
    expiry.add(session)
    now = clock.time_ns() / 1e9
    session.refresh(now + 600)
    expiry.add(session)
    clock.advance(300)
    expiry.end_due()
    assert session.ended == []
    session.refresh(now + 310)
    expiry.add(session)
    clock.advance(40)
    expiry.end_due()
    assert session.ended == [Code.TOKEN_EXPIRED]


def test_one_that_went_is_not_ended_and_its_successor_is(clock: FakeClock) -> None:
    expiry = Expiry(clock)
    first, second = expiring(clock, 60), expiring(clock, 60)
    expiry.add(first)
    expiry.add(second)
    expiry.remove(first)
    clock.advance(90)
    expiry.end_due()
    assert (first.ended, second.ended) == ([], [Code.TOKEN_EXPIRED])


def test_sessions_that_come_and_go_leave_nothing_behind(clock: FakeClock) -> None:
    expiry, stays = Expiry(clock), expiring(clock, 60, "stays")
    expiry.add(stays)
    for number in range(10_000):
        session = expiring(clock, 1e6, f"se_{number}")
        expiry.add(session)
        expiry.remove(session)
    assert expiry.scheduled < 200
    clock.advance(90)
    expiry.end_due()
    assert stays.ended == [Code.TOKEN_EXPIRED]


def test_who_has_no_token_never_expires(clock: FakeClock) -> None:
    expiry = Expiry(clock)
    expiry.add(Session(Identity("default", "developer", Kind.SERVICE)))
    assert len(expiry) == 0
