"""The sliding window against a list of everything that was let through."""

from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.limits.window import SlidingWindow

STEPS = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 8)), max_size=80)


@given(st.integers(8, 40), STEPS)
def test_in_no_minute_comes_more_than_the_limit(limit: int, steps: list[tuple[float, int]]) -> None:
    window, now = SlidingWindow(limit, 60), 0.0
    let_through: list[tuple[float, int]] = []
    for pause, count in steps:
        now += pause
        if not window.wait(count, now):
            window.add(count, now)
            let_through.append((now, count))
            recent = sum(count for at, count in let_through if at > now - 60)
            assert recent <= limit


@given(st.integers(8, 40), STEPS)
def test_who_waits_as_long_as_it_says_is_let_through(
    limit: int, steps: list[tuple[float, int]]
) -> None:
    window, now = SlidingWindow(limit, 60), 0.0
    for pause, count in steps:
        now += pause
        wait = window.wait(count, now)
        assert 0 <= wait <= 61 + 1e-6
        now += wait
        if wait:
            now += 1e-6
            assert not window.wait(count, now)
        window.add(count, now)


def test_it_holds_a_number_for_each_second_however_many_come() -> None:
    window = SlidingWindow(1_000_000, 60)
    for step in range(10_000):
        window.wait(1, step / 10)
        window.add(1, step / 10)
        assert len(window) <= 61
    assert not window.is_empty(1000)
    assert window.is_empty(1062)
