"""Roll-up of deltas: nothing lost, nothing out of order, and seldom enough."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from blackroad.edge.frames.rollup import INTERVAL_SECONDS, Rollup, delta_kind, delta_text, roll
from blackroad.realtime.v1 import event_pb2

Event = event_pb2.Event
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["text_delta", "thinking_delta", "usage"]),
        st.text(max_size=5),
        st.floats(0, 0.1),
    ),
    max_size=60,
)


def update(offset: int, kind: str, text: str) -> Event:
    event = Event(channel="stream.st_1", offset=offset, cursor=f"c{offset}")
    event.answer.index = offset
    if kind == "text_delta":
        event.answer.text_delta = text
    elif kind == "thinking_delta":
        event.answer.thinking_delta = text
    else:
        event.answer.usage.output_tokens = offset
    return event


def told(events: list[Event]) -> list[tuple[str, str]]:
    """Return kinds and texts with neighbours of one kind joined: what a reader ends up with."""
    found: list[tuple[str, str]] = []
    for event in events:
        kind, text = delta_kind(event), delta_text(event)
        if kind and found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + text)
        else:
            found.append((kind, text))
    return found


def assert_contiguous(events: list[Event], last: int) -> None:
    expected = 1
    for event in events:
        assert (event.first_offset or event.offset) == expected
        assert event.cursor == f"c{event.offset}"
        assert event.answer.index == event.offset
        expected = event.offset + 1
    assert expected == last + 1


@given(STEPS)
def test_what_comes_out_says_what_went_in(steps: list[tuple[str, str, float]]) -> None:
    rollup, now = Rollup(), 0.0
    fed: list[Event] = []
    out: list[Event] = []
    for offset, (kind, text, wait) in enumerate(steps, 1):
        now += wait
        due = rollup.due_seconds
        if due is not None and due <= now:
            out += rollup.flush(due)
        fed.append(update(offset, kind, text))
        out += rollup.feed(update(offset, kind, text), now)
    out += rollup.flush(now)
    assert told(out) == told(fed)
    assert_contiguous(out, len(steps))


@given(STEPS)
def test_what_lies_before_us_is_merged_without_loss(steps: list[tuple[str, str, float]]) -> None:
    fed = [update(offset, kind, text) for offset, (kind, text, _) in enumerate(steps, 1)]
    out = roll(fed)
    assert told(out) == told(fed)
    assert_contiguous(out, len(steps))
    for one, other in pairwise(out):
        assert not delta_kind(one) or delta_kind(one) != delta_kind(other)


def test_the_first_goes_at_once_and_the_next_wait_for_each_other() -> None:
    rollup = Rollup()
    assert len(rollup.feed(update(1, "text_delta", "a"), 10.0)) == 1
    assert rollup.feed(update(2, "text_delta", "b"), 10.01) == []
    assert rollup.feed(update(3, "text_delta", "c"), 10.02) == []
    due = 10.0 + INTERVAL_SECONDS
    assert rollup.due_seconds == due
    (merged,) = rollup.flush(due)
    assert (merged.first_offset, merged.offset, merged.answer.text_delta) == (2, 3, "bc")
    assert rollup.due_seconds is None
    assert rollup.feed(update(4, "text_delta", "d"), 10.05) == []
    assert len(rollup.feed(update(5, "text_delta", "e"), 10.2)) == 1


def test_anything_else_flushes() -> None:
    rollup = Rollup()
    rollup.feed(update(1, "text_delta", "a"), 1.0)
    rollup.feed(update(2, "text_delta", "b"), 1.0)
    assert [event.offset for event in rollup.feed(update(3, "usage", ""), 1.0)] == [2, 3]


def test_a_very_long_delta_does_not_wait() -> None:
    rollup = Rollup()
    rollup.feed(update(1, "text_delta", "a"), 1.0)
    assert rollup.feed(update(2, "text_delta", "b" * 40_000), 1.0)
