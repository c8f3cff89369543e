"""Roll-ups in front of the fan-out: order between channels, and cursors that never run ahead."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from blackroad.edge.frames.rollup import MAX_CHARACTERS
from blackroad.edge.trunk.rollups import Rollups
from blackroad.realtime.v1 import event_pb2
from tests.edge.rig import until


def delta(offset: int, text: str, stream: str = "a") -> event_pb2.Event:
    event = event_pb2.Event(channel=f"stream.{stream}", offset=offset, cursor=f"c{offset}")
    event.answer.text_delta = text
    return event


class Published:
    """Writes down what goes out."""

    def __init__(self) -> None:
        self.out: list[tuple[str, list[int]]] = []
        self.rollups = Rollups(self._publish)

    def _publish(self, event: event_pb2.Event, numbers: Sequence[int]) -> None:
        self.out.append((event.answer.text_delta, list(numbers)))


async def test_what_waits_goes_out_by_itself() -> None:
    published = Published()
    for offset, text in enumerate("abc", 1):
        published.rollups.feed(delta(offset, text), [1], f"c{offset - 1}")
    assert published.out == [("a", [1])]
    await until(lambda: len(published.out) == 2)
    assert published.out[1] == ("bc", [1])


async def test_while_deltas_wait_the_safe_cursor_is_before_them() -> None:
    published = Published()
    published.rollups.feed(delta(1, "a"), [1], "c0")
    assert published.rollups.safe is None
    published.rollups.feed(delta(2, "b"), [1], "c1")
    published.rollups.feed(delta(3, "c"), [1], "c2")
    assert published.rollups.safe == "c1"
    published.rollups.flush()
    assert published.rollups.safe is None


async def test_only_what_concerns_a_number_is_flushed_for_it() -> None:
    published = Published()
    for stream, number in (("a", 1), ("b", 2)):
        published.rollups.feed(delta(1, stream, stream), [number], "")
        published.rollups.feed(delta(2, stream, stream), [number], "")
    published.rollups.flush([2, 9])
    assert published.out == [("a", [1]), ("b", [2]), ("b", [2])]


async def test_a_change_of_numbers_divides_the_deltas() -> None:
    published = Published()
    published.rollups.feed(delta(1, "a"), [1], "")
    published.rollups.feed(delta(2, "b"), [1], "")
    published.rollups.feed(delta(3, "c"), [1, 2], "")
    published.rollups.flush()
    assert published.out == [("a", [1]), ("b", [1]), ("c", [1, 2])]


async def test_a_timer_that_does_not_know_its_time_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()

    def call_at(_when: float, flush: Callable[[str], None], channel: str) -> asyncio.Handle:
        return loop.call_soon(flush, channel)  # as uvloop's does where the time has all but come

    published = Published()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_at", call_at)
        for offset, text in enumerate("abcd", 1):
            published.rollups.feed(delta(offset, text), [1], f"c{offset - 1}")
    await until(lambda: len(published.out) == 2)
    assert published.out == [("a", [1]), ("bcd", [1])]


async def test_deltas_that_went_out_for_their_size_are_not_before_the_safe_cursor() -> None:
    """Whoever resumes from there would get them twice."""
    safe: list[str | None] = []
    rollups = Rollups(lambda _event, _numbers: safe.append(rollups.safe))
    for offset in range(1, 5):
        rollups.feed(delta(offset, "x" * (MAX_CHARACTERS // 2)), [1], f"c{offset - 1}")
    assert safe == [None, None]  # the first at once, the next two together
    assert rollups.safe == "c3"
