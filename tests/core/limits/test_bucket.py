"""The token bucket by its algebra: what it gives in any interval, and when the next token is."""

from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.limits.bucket import TokenBucket

RATES = st.floats(0.1, 5000)
BURSTS = st.integers(1, 4000)
STEPS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=60)


@given(RATES, BURSTS, STEPS)
def test_in_no_interval_comes_more_than_the_burst_and_the_rate(
    rate: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    bucket, now = TokenBucket(rate, burst), 0.0
    given_at: list[tuple[float, int]] = []
    for pause, wanted in steps:
        now += pause
        count = min(wanted, burst)
        if not bucket.take(count, now):
            given_at.append((now, count))
    for first, (begin, _) in enumerate(given_at):
        total = 0
        for end, count in given_at[first:]:
            total += count
            assert total <= burst + rate * (end - begin) + 1e-3 * rate


@given(RATES, BURSTS, STEPS, st.integers(1, 4000))
def test_the_wait_is_right_to_the_millisecond(
    rate: float, burst: int, steps: list[tuple[float, int]], wanted: int
) -> None:
    def bucket() -> tuple[TokenBucket, float]:
        made, now = TokenBucket(rate, burst), 0.0
        for pause, count in steps:
            now += pause
            made.take(min(count, burst), now)
        return made, now

    made, now = bucket()
    count = min(wanted, burst)
    wait = made.take(count, now)
    if wait:
        assert not made.take(count, now + wait), "it is there when it was said"
        early, now = bucket()
        assert early.take(count, now + wait - 0.001), "and not before"


@given(RATES, BURSTS)
def test_it_begins_full_and_is_full_again_when_the_burst_has_come(rate: float, burst: int) -> None:
    bucket = TokenBucket(rate, burst)
    assert bucket.is_full(0)
    assert not bucket.take(burst, 0)
    assert not bucket.is_full(burst / rate * 0.99)
    assert bucket.is_full(burst / rate * 1.001)


def test_what_is_refused_takes_nothing() -> None:
    bucket = TokenBucket(10, 20)
    assert not bucket.take(20, 0)
    waits = [bucket.take(1, 0) for _ in range(100)]
    assert max(waits) - min(waits) < 1e-9
    assert abs(waits[0] - 0.1) < 1e-9
