"""How long is waited between attempts."""

import pytest

from blackroad.client.backoff import Backoff


def test_the_ceiling_doubles_from_half_a_second_to_twenty() -> None:
    ceilings: list[float] = []

    def uniform(least: float, most: float) -> float:
        assert least == 0.0
        ceilings.append(most)
        return most

    backoff = Backoff(uniform)
    for _ in range(8):
        backoff.next_seconds()
    backoff.reset()
    backoff.next_seconds()
    assert ceilings == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 0.5]


@pytest.mark.parametrize("drawn", [0.0, 0.5])
def test_what_the_server_asked_for_is_waited_out(drawn: float) -> None:
    assert Backoff(lambda _, __: drawn).next_seconds(3.0) == 3.0 + drawn
