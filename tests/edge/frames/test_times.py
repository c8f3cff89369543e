"""Times and durations as browsers write them: what can be said is said, all else is refused."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blackroad.edge.errors import Refusal
from blackroad.edge.frames.times import MAX_SECONDS, duration_of, seconds_of


@given(st.floats(-MAX_SECONDS, MAX_SECONDS))
@example(0.9999999999)
@example(MAX_SECONDS)
def test_a_duration_says_the_seconds_that_it_was_given(seconds: float) -> None:
    duration = duration_of(seconds)
    assert abs(duration.nanos) < 1_000_000_000
    assert seconds_of(duration) == pytest.approx(seconds, rel=1e-12, abs=1e-9)


@given(st.floats().filter(lambda seconds: not abs(seconds) <= MAX_SECONDS))
@example(3.1e42)
def test_more_seconds_than_a_duration_has_are_refused(seconds: float) -> None:
    with pytest.raises(Refusal) as raised:
        duration_of(seconds)
    assert raised.value.code == "bad_frame"
