"""Who is told of an answer's ending, and by which of the two streams."""

from collections.abc import Collection

from blackroad.edge.trunk.viewers import Viewers
from blackroad.realtime.v1 import event_pb2

CHANNEL = "stream.st_1"


class Session:
    """One that gets on LIVE what is for its number."""

    hearer = None

    def __init__(self, viewers: Viewers, number: int) -> None:
        self.ended: list[str] = []
        self._number = number
        viewers.watch(CHANNEL, self)

    def take_ending(self, channel: str, numbers: Collection[int], /) -> bool:
        return self._number in numbers

    def answer_ended(self, channel: str, /) -> None:
        self.ended.append(channel)


def test_an_ending_is_for_those_who_get_it_live_and_the_others_wait_for_theirs() -> None:
    viewers = Viewers()
    live, behind = Session(viewers, 1), Session(viewers, 2)
    viewers.end(CHANNEL, [1])
    viewers.end(CHANNEL, [1])
    assert (live.ended, behind.ended) == ([CHANNEL], [])
    assert not viewers.waits(CHANNEL, live)
    assert viewers.waits(CHANNEL, behind)
    viewers.ended(CHANNEL, behind)
    assert behind.ended == [CHANNEL]
    assert not viewers.waits(CHANNEL, behind)


def test_an_answer_begins_once_and_goes_on_being_waited_for() -> None:
    viewers = Viewers()
    session = Session(viewers, 1)
    assert CHANNEL in viewers.unbegun
    viewers.begin(event_pb2.Event(channel=CHANNEL))
    assert CHANNEL not in viewers.unbegun
    assert viewers.waits(CHANNEL, session)


def test_nothing_is_kept_of_an_answer_that_nobody_watches() -> None:
    viewers = Viewers()
    session = Session(viewers, 1)
    for _ in range(2):
        viewers.unwatch(CHANNEL, session)
    assert not viewers.unbegun
    viewers.end(CHANNEL, [1])
    assert not session.ended
