"""What a Subscribe asks for, and as how much it counts."""

import pytest

from blackroad.core.channel.asked import MAX_SUBSCRIPTIONS, names_of, rooms_among
from blackroad.core.errors import Code, Rejection
from blackroad.realtime.v1 import channel_pb2


def asking(channel: str, *unit: str) -> channel_pb2.Subscribe:
    return channel_pb2.Subscribe(channel=channel, unit=unit)


def test_a_room_that_stands_for_more_counts_once() -> None:
    names = names_of(asking("tasks", "room.a", "room.a", "room.**"))
    assert names == ["tasks", "task.>", "room.a", "room.>"]
    assert rooms_among(names) == 3


def test_answers_do_not_count_as_rooms_but_their_patterns_do() -> None:
    assert rooms_among(["stream.st_1", "stream.*", "room.a"]) == 2


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (asking(""), Code.MISSING_FIELD),
        (asking("no name"), Code.INVALID_NAME),
        (asking("room", *map(str, range(MAX_SUBSCRIPTIONS))), Code.TOO_MANY_SUBSCRIPTIONS),
    ],
    ids=["no channel", "no name", "too many"],
)
def test_what_cannot_be_followed_is_refused(request_: channel_pb2.Subscribe, code: Code) -> None:
    with pytest.raises(Rejection) as refused:
        names_of(request_)
    assert refused.value.code is code
