"""An entry's wire form parses to the event with what the log gave it."""

import pytest

from blackroad.core.log.cursor import decode_cursor
from blackroad.core.log.entry import Entry, Position
from blackroad.realtime.v1 import event_pb2

BODY = event_pb2.Event(id="ev_1", channel="room.a", text="hello")


def entry(body: event_pb2.Event = BODY) -> Entry:
    """Return an entry of the second of three partitions."""
    return Entry(
        "t.room.a",
        "message",
        body.SerializeToString(),
        1,
        Position(7, 41),
        3,
        1_700_000_000_123_456_789,
    )


def test_the_parsed_event_has_what_was_published_and_what_the_log_gave() -> None:
    event = entry().event
    assert (event.id, event.channel, event.text) == ("ev_1", "room.a", "hello")
    assert (event.offset, event.sequence, event.epoch) == (3, 41, 7)
    assert event.create_time.ToNanoseconds() == 1_700_000_000_123_456_789


def test_the_cursor_is_this_place_and_the_heads_of_the_other_partitions() -> None:
    made = entry()
    made.heads = (Position(7, 100), Position(7, 50), Position(7, 200))
    expected = ((7, 100), (7, 41), (7, 200))
    assert decode_cursor(made.cursor).places == expected
    assert decode_cursor(made.event.cursor).places == expected


@pytest.mark.parametrize("partition", [0, 1, 2])
def test_an_entry_takes_its_partitions_place(partition: int) -> None:
    made = Entry("t.a", "x", b"", partition, Position(9, 1), 1, 0)
    heads = tuple(Position(7, number) for number in range(3))
    expected = list(heads)
    expected[partition] = Position(9, 1)
    assert made.after(heads) == tuple(expected)


def test_the_wire_form_is_made_once() -> None:
    made = entry()
    assert made.wire is made.wire


def test_the_answer_is_parsed_where_this_process_did_not_make_it() -> None:
    update = event_pb2.AnswerUpdate()
    assert entry(event_pb2.Event(answer=update)).answer == update
    own = Entry("t.a", "x", b"", 0, Position(1, 1), 1, 0, 0, update)
    assert own.answer is update
