"""An entry's wire form parses to the event with what the log gave it."""

from uuid import UUID

import pytest

from blackroad.core.log.cursor import decode_cursor
from blackroad.core.log.entry import Entry, Position
from blackroad.core.log.record import LateRecord, Record
from blackroad.realtime.v1 import event_pb2

NOW_NS = 1_700_000_000_123_456_789
BODY = event_pb2.Event(id="ev_1", channel="room.a", text="hello")


def entry(body: event_pb2.Event = BODY) -> Entry:
    """Return an entry of the second of three partitions."""
    record = Record("ev_1", "message", body.SerializeToString())
    return Entry("t.room.a", record, 1, 7, 41, 3, NOW_NS)


def test_the_parsed_event_has_what_was_published_and_what_the_log_gave() -> None:
    event = entry().event
    assert (event.id, event.channel, event.text) == ("ev_1", "room.a", "hello")
    assert (event.offset, event.sequence, event.epoch) == (3, 41, 7)
    assert event.create_time.ToNanoseconds() == NOW_NS


def test_the_cursor_is_this_place_and_the_heads_of_the_other_partitions() -> None:
    made = entry()
    made.heads = (Position(7, 100), Position(7, 50), Position(7, 200))
    expected = ((7, 100), (7, 41), (7, 200))
    assert decode_cursor(made.cursor).places == expected
    assert decode_cursor(made.event.cursor).places == expected


@pytest.mark.parametrize("partition", [0, 1, 2])
def test_an_entry_takes_its_partitions_place(partition: int) -> None:
    made = Entry("t.a", Record("", "x", b""), partition, 9, 1, 1, 0)
    heads = tuple(Position(7, number) for number in range(3))
    expected = list(heads)
    expected[partition] = Position(9, 1)
    assert made.after(heads) == tuple(expected)


def test_the_wire_form_is_made_once() -> None:
    made = entry()
    assert made.wire is made.wire


class Told(LateRecord):
    """A record that counts how often it is made."""

    made: int = 0

    def make(self) -> bytes:
        """Return an event."""
        self.made += 1
        return event_pb2.Event(id=self.event_id, text="late").SerializeToString()


def test_a_late_record_is_made_once_and_its_id_has_the_events_time() -> None:
    record = Told("", "message", size=10)
    one, other = (Entry("t.a", record, 0, 7, 1, 1, NOW_NS) for _ in range(2))
    assert record.made == 0
    assert one.event.text == other.event.text == "late"
    assert one.event.id == other.event.id
    assert record.made == 1
    assert UUID(one.event.id.removeprefix("ev_")).int >> 80 == NOW_NS // 1_000_000
