"""Connections by address: who counts, what a refusal says, and what is remembered."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from blackroad.edge.limits.addresses import Addresses, AddressLimits, Visit
from blackroad.edge.limits.bucket import TokenBucket

SOMEWHERE = "203.0.113.7"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def come(addresses: Addresses, peer: str = SOMEWHERE, *, token: bool = False) -> Visit:
    visit = addresses.visit(peer)
    visit.begin(peer, shows_token=token, stays=True)
    return visit


@given(st.lists(st.floats(0, 2), max_size=200))
def test_no_more_than_the_rate_come_in(pauses: list[float]) -> None:
    clock = Clock()
    addresses = Addresses(AddressLimits(connections=10_000), now=clock)
    let_in: list[float] = []
    for pause in pauses:
        clock.now += pause
        if not come(addresses).refused_seconds:
            let_in.append(clock.now)
            assert sum(at > clock.now - 1 for at in let_in) <= 20
            assert len(let_in) <= 10 + 10 * (clock.now - let_in[0]) + 1e-3


def test_ten_come_at_once_and_the_eleventh_hears_when() -> None:
    clock = Clock()
    addresses = Addresses(AddressLimits(), now=clock)
    assert all(not come(addresses).refused_seconds for _ in range(10))
    assert abs(come(addresses).refused_seconds - 0.1) < 1e-9
    clock.now += 0.1
    assert not come(addresses).refused_seconds


def test_a_hundred_may_be_open_and_who_ends_makes_room() -> None:
    clock = Clock()
    addresses = Addresses(AddressLimits(), now=clock)
    visits: list[Visit] = []
    for _ in range(100):
        clock.now += 1
        visits.append(come(addresses))
    clock.now += 1
    assert come(addresses).refused_seconds
    visits[0].end()
    visits[0].end()
    assert not come(addresses).refused_seconds
    assert addresses.visit(SOMEWHERE).refused_seconds


def test_who_proves_itself_counts_for_nobody() -> None:
    addresses = Addresses(AddressLimits(), now=Clock())
    for _ in range(1000):
        visit = come(addresses, token=True)
        assert not visit.refused_seconds
        visit.prove()
        assert not visit.counted


def test_tokens_that_are_no_good_do_not_pass_for_ever() -> None:
    addresses = Addresses(AddressLimits(), now=Clock())
    refused = 0
    for _ in range(1000):
        visit = come(addresses, token=True)
        refused += bool(visit.refused_seconds)
        visit.end()
    assert refused == 900


def test_loopback_has_no_limits_unless_asked_for() -> None:
    free = Addresses(AddressLimits(), now=Clock())
    assert all(not come(free, "127.0.0.1").refused_seconds for _ in range(1000))
    limited = Addresses(AddressLimits(loopback=True), now=Clock())
    assert sum(not come(limited, "::1").refused_seconds for _ in range(1000)) == 10


def test_an_ipv6_home_is_one_address_and_a_mapped_one_is_its_ipv4() -> None:
    addresses = Addresses(AddressLimits(), now=Clock())
    assert sum(not come(addresses, f"2001:db8::{n:x}").refused_seconds for n in range(50)) == 10
    assert not come(addresses, "2001:db8:0:1::1").refused_seconds
    for _ in range(10):
        come(addresses, "::ffff:203.0.113.7")
    assert come(addresses).refused_seconds


def test_a_proxy_is_not_counted_and_whom_it_names_is() -> None:
    addresses = Addresses(AddressLimits(), ["10.0.0.0/8"], now=Clock())
    for number in range(100):
        visit = addresses.visit("10.1.2.3")
        named = f"198.51.100.{number}"
        assert not visit.begin(named, shows_token=False, stays=True)
        assert visit.counted
    crowd = [addresses.visit("10.1.2.3") for _ in range(100)]
    waits = [visit.begin(SOMEWHERE, shows_token=False, stays=True) for visit in crowd]
    assert sum(not wait for wait in waits) == 10


def test_a_proxys_ordinary_requests_count_for_nobody() -> None:
    addresses = Addresses(AddressLimits(), ["10.0.0.0/8"], now=Clock())
    visit = addresses.visit("10.1.2.3")
    assert not visit.begin(SOMEWHERE, shows_token=False, stays=False)


def test_only_the_first_request_of_a_connection_counts() -> None:
    addresses = Addresses(AddressLimits(), now=Clock())
    visit = addresses.visit(SOMEWHERE)
    for _ in range(100):
        assert not visit.begin(SOMEWHERE, shows_token=False, stays=False)


def test_its_memory_is_bounded_and_comes_back() -> None:
    clock = Clock()
    addresses = Addresses(AddressLimits(), now=clock, most=5000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20_000):
            come(addresses, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}").end()
        held = tracemalloc.get_traced_memory()[0] - before
        assert len(addresses) == 5000
        clock.now += 60
        addresses.sweep()
        assert len(addresses) == 0
        assert tracemalloc.get_traced_memory()[0] - before < held / 50
    finally:
        tracemalloc.stop()


def test_a_bucket_takes_back_what_was_not_used() -> None:
    bucket = TokenBucket(1, 1)
    assert not bucket.take(0)
    assert bucket.take(0)
    bucket.give_back()
    assert bucket.is_full(0)
    assert not bucket.take(0)
