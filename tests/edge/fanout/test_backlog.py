"""What waits for one receiver: in which order it comes, and what of it can be dropped."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.edge.fanout.backlog import Backlog, Chunk


def live(data: bytes, moves: int = 0) -> Chunk:
    return Chunk(data, "before", moves)


def own(data: bytes) -> Chunk:
    return Chunk(data)


def test_what_is_held_comes_after_what_came_later_and_is_not() -> None:
    backlog = Backlog()
    backlog.hold(live(b"1"))
    backlog.add(own(b"2"))
    assert backlog.take() == b"2"
    assert backlog.size == 1
    backlog.add(own(b"3"))
    backlog.release()
    backlog.add(live(b"4"))
    assert backlog.take() == b"314"
    assert backlog.size == 0


@pytest.mark.parametrize("put", [Backlog.add, Backlog.hold])
def test_what_is_live_is_dropped_and_the_first_of_it_known(
    put: Callable[[Backlog, Chunk], None],
) -> None:
    backlog, first = Backlog(), live(b"2", moves=7)
    backlog.add(own(b"1"))
    assert backlog.first_live is None
    put(backlog, first)
    put(backlog, live(b"3", moves=8))
    backlog.add(own(b"4"))
    assert backlog.first_live is first
    backlog.drop_live()
    assert backlog.first_live is None
    assert backlog.take() == b"14"


def test_the_largest_own_chunk_is_not_too_much_and_a_second_one_is() -> None:
    backlog = Backlog()
    backlog.add(own(b"long" * 10))
    assert not backlog.exceeds(8)
    backlog.add(live(b"12345678"))
    assert not backlog.exceeds(8)
    backlog.add(own(b"9"))
    assert backlog.exceeds(8)


@given(st.lists(st.tuples(st.sampled_from([Backlog.add, Backlog.hold]), st.binary(max_size=4))))
def test_the_size_is_that_of_what_comes_out(
    puts: list[tuple[Callable[[Backlog, Chunk], None], bytes]],
) -> None:
    backlog = Backlog()
    for put, data in puts:
        put(backlog, live(data))
    size = backlog.size
    taken = backlog.take()
    assert size == len(taken) + backlog.size
    backlog.release()
    assert len(backlog.take()) == size - len(taken)
