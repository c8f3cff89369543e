"""Requests are told apart by channel, subject and key, whatever these contain."""

from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.log.base import Appended
from blackroad.core.log.idempotency import ROTATION_SECONDS, Answers, request_of

words = st.text(alphabet="a1 \n\0", max_size=4)
requests = st.tuples(st.sampled_from(["t.a", "t.a.1", "t.1"]), words, words)


@given(requests, requests)
def test_different_requests_have_different_words(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (request_of(*one) == request_of(*other)) == (one == other)


@given(st.lists(st.floats(1, 700), max_size=30))
def test_an_answer_is_known_for_one_turn_and_gone_after_two(pauses: list[float]) -> None:
    now = 0.0
    answers = Answers(1_000, 0)
    put: dict[str, float] = {}
    for number, pause in enumerate([0.0, *pauses]):
        now += pause
        answers.rotate(int(now * 1e9))
        for request, then in put.items():
            age = now - then
            known = answers.find(request) is not None
            assert known or age > ROTATION_SECONDS - 0.001
            assert not known or age < 2 * ROTATION_SECONDS + 0.001
        put[str(number)] = now
        answers.put(str(number), Appended(("e",), 1, 1, 1, 0, 0))
