"""The rates of a node: whom they count as one, what a refusal says, and what is remembered."""

import tracemalloc

import pytest

from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.limits.quota import Allowance, LocalQuota
from blackroad.core.limits.rates import Quotas, Rates
from blackroad.core.settings import LimitsSettings

ADA = Identity("acme", "ada", Kind.USER)


def refused(rates: Rates, identity: Identity, count: int = 1) -> Rejection:
    with pytest.raises(Rejection) as raised:
        rates.charge(identity, count)
    return raised.value


def test_a_user_has_the_guides_numbers() -> None:
    clock = FakeClock()
    rates = Rates(LimitsSettings(), clock)
    for _ in range(20):
        rates.charge(ADA)
    rejection = refused(rates, ADA)
    assert rejection.code is Code.RATE_LIMITED
    assert rejection.retryable
    assert rejection.retry_after_seconds == 0.1
    clock.advance(0.099)
    assert refused(rates, ADA).retry_after_seconds == 0.001
    clock.advance(0.001)
    rates.charge(ADA)


def test_all_sessions_of_a_subject_share_one_bucket_and_nobody_else_does() -> None:
    rates = Rates(LimitsSettings(), FakeClock())
    rates.charge(ADA, 20)
    refused(rates, Identity("acme", "ada", Kind.USER, token_id="another session's"))
    rates.charge(Identity("acme", "bob", Kind.USER), 20)
    rates.charge(Identity("other", "ada", Kind.USER), 20)


@pytest.mark.parametrize("kind", [Kind.AGENT, Kind.SERVICE])
def test_agents_and_services_may_send_four_thousand_at_once(kind: Kind) -> None:
    rates = Rates(LimitsSettings(), FakeClock())
    worker = Identity("acme", "worker", kind)
    rates.charge(worker, 4000)
    assert refused(rates, worker).retry_after_seconds == 0.001


def test_a_gateway_itself_is_not_counted() -> None:
    rates = Rates(LimitsSettings(), FakeClock())
    for _ in range(10):
        rates.charge(Identity("acme", "edge", Kind.GATEWAY), 100_000)
    assert len(rates) == 0


def test_commands_have_a_bucket_of_their_own_and_no_cooldown() -> None:
    rates = Rates(LimitsSettings(), FakeClock())
    rates.charge(ADA, 20)
    for _ in range(300):
        rates.charge_command(ADA)
    for _ in range(1000):
        with pytest.raises(Rejection) as raised:
            rates.charge_command(ADA)
        assert raised.value.retry_after_seconds == 0.01


def test_what_can_never_be_taken_at_once_is_too_large() -> None:
    rates = Rates(LimitsSettings(), FakeClock())
    assert refused(rates, ADA, 21).code is Code.TOO_LARGE
    rates.charge(ADA, 20)


def test_a_cooldown_is_told_to_whoever_asks_to_be_told() -> None:
    rates = Rates(LimitsSettings(), FakeClock())
    told: list[tuple[Identity, float | None]] = []
    rates.tell(lambda identity, rejection: told.append((identity, rejection.retry_after_seconds)))
    rates.charge(ADA, 20)
    for _ in range(100):
        refused(rates, ADA)
    assert len(told) == 100
    assert told[-1] == (ADA, 60)


def test_a_full_bucket_is_forgotten_and_the_memory_comes_back() -> None:
    clock = FakeClock()
    rates = Rates(LimitsSettings(), clock)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20_000):
            rates.charge(Identity("acme", f"client-{number}", Kind.USER), 20)
        held = tracemalloc.get_traced_memory()[0] - before
        clock.advance(1.9)
        rates.sweep()
        assert len(rates) == 20_000
        clock.advance(0.2)
        rates.sweep()
        assert len(rates) == 0
        assert tracemalloc.get_traced_memory()[0] - before < held / 50
    finally:
        tracemalloc.stop()


def test_more_subjects_than_it_remembers_do_not_grow_it() -> None:
    quotas = Quotas(Allowance(10, 20), FakeClock(), LocalQuota, most=100)
    for number in range(1000):
        quotas.take(Identity("acme", f"client-{number}", Kind.USER), 1)
    assert len(quotas) == 100


def test_another_quota_can_stand_in_for_the_local_one() -> None:
    class Borrowed:
        """Has what a store lent it, and asks for a second's more when that is used up."""

        def __init__(self, allowance: Allowance, whose: str) -> None:
            assert whose.startswith("acme.ada.user.")
            self.left = 3
            self.allowance = allowance

        def take(self, count: int, now: float) -> float:
            self.left -= count
            return 0.0 if self.left >= 0 else 1.0

        def is_whole(self, now: float) -> bool:
            return False

    rates = Rates(LimitsSettings(), FakeClock(), Borrowed)
    rates.charge(ADA, 3)
    assert refused(rates, ADA).retry_after_seconds == 1
