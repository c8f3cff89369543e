"""The fan-out's single promises: sharing, pace, queues, holds and their bounds."""

import asyncio

import pytest

from blackroad.edge.fanout import Budget, Fanout
from tests.edge.fanout.rig import Session, render
from tests.edge.transport.rig import until


async def turn() -> None:
    """Let the flush at the end of this turn happen."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_receivers_of_the_same_numbers_are_given_the_same_object() -> None:
    fanout = Fanout(render)
    sessions = [Session(fanout) for _ in range(3)]
    for session in sessions:
        fanout.join(session.receiver, 1)
    fanout.publish(1, [1], "p1")
    fanout.publish(2, [1], "p2")
    await turn()
    assert sessions[0].writes == [b"e1;e2;"]
    assert all(session.writes[0] is sessions[0].writes[0] for session in sessions)


async def test_an_event_is_rendered_once_for_each_rendering_and_request_id() -> None:
    rendered: list[tuple[int, str, str]] = []

    def noting(event: int, rendering: str, request_id: str) -> bytes:
        rendered.append((event, rendering, request_id))
        return render(event, rendering, request_id)

    fanout = Fanout(noting)
    sessions = [Session(fanout, rendering) for rendering in "eeff"]
    for number, session in enumerate(sessions):
        fanout.join(session.receiver, 1)
        fanout.join(session.receiver, 10 + number)
    fanout.join(sessions[3].receiver, 2, "r7")
    fanout.publish(1, [1, 2], "p1")
    await turn()
    assert sorted(rendered) == [(1, "e", ""), (1, "f", ""), (1, "f", "r7")]
    assert [session.received for session in sessions] == [["e1"], ["e1"], ["f1"], ["f1r7"]]


async def test_an_event_for_several_numbers_comes_once() -> None:
    fanout = Fanout(render)
    session = Session(fanout)
    for number in (1, 2, 3):
        fanout.join(session.receiver, number)
    fanout.publish(1, [3, 1, 2, 1], "p1")
    fanout.publish(2, [2], "p2")
    fanout.publish(3, [1], "p3")
    await turn()
    assert session.received == ["e1", "e2", "e3"]


async def test_membership_changes_between_the_events_before_and_after() -> None:
    fanout = Fanout(render)
    session, other = Session(fanout), Session(fanout)
    fanout.join(other.receiver, 1)
    fanout.publish(1, [1], "p1")
    fanout.join(session.receiver, 1)
    fanout.publish(2, [1], "p2")
    fanout.part(session.receiver, 1)
    fanout.publish(3, [1], "p3")
    fanout.join(session.receiver, 1)
    fanout.publish(4, [1], "p4")
    await turn()
    assert session.received == ["e2", "e4"]
    assert other.writes == [b"e1;e2;e3;e4;"]


async def test_count_counts_receivers_and_a_group_without_members_disappears() -> None:
    fanout = Fanout(render)
    sessions = [Session(fanout, rendering) for rendering in "eef"]
    for session in sessions:
        fanout.join(session.receiver, 1)
    assert fanout.count(1) == 3
    fanout.part(sessions[0].receiver, 1)
    sessions[1].receiver.close()
    assert fanout.count(1) == 1
    sessions[2].receiver.close()
    sessions[0].receiver.close()
    assert fanout.count(1) == 0
    assert fanout.empty


async def test_the_first_flush_comes_at_once_and_the_next_gathers() -> None:
    fanout = Fanout(render)
    sessions = [Session(fanout) for _ in range(500)]
    for session in sessions:
        fanout.join(session.receiver, 1)
    fanout.publish(0, [1], "p")
    fanout.publish(1, [1], "p")
    await turn()
    assert sessions[0].writes == [b"e0;e1;"]
    for event in range(2, 12):
        fanout.publish(event, [1], "p")
        await asyncio.sleep(0)
    await until(lambda: len(sessions[0].received) == 12)
    assert len(sessions[0].writes) < 12


async def test_one_event_at_a_time_never_waits_for_a_gap() -> None:
    fanout = Fanout(render)
    session = Session(fanout)
    fanout.join(session.receiver, 1)
    for event in range(15):
        fanout.publish(event, [1], "p")
        await turn()
        assert len(session.writes) == event + 1


async def test_a_window_that_is_full_goes_out_at_once() -> None:
    fanout = Fanout(render)
    session = Session(fanout)
    fanout.join(session.receiver, 1)
    fanout.publish(1, [1], "p", size=300_000)
    assert session.received == ["e1"]


async def test_a_slow_receiver_gets_all_that_waited_as_one_write() -> None:
    fanout = Fanout(render)
    slow, fast = Session(fanout), Session(fanout)
    for session in (slow, fast):
        fanout.join(session.receiver, 1)
    slow.blocked = True
    for event in range(5):
        fanout.publish(event, [1], "p")
        fanout.flush()
        slow.receiver.send(b"own%d;" % event)
    assert len(fast.writes) == 5
    assert slow.writes == [b"e0;"]
    slow.unblock()
    assert slow.writes[1:] == [b"own0;e1;own1;e2;own2;e3;own3;e4;own4;"]
    fanout.publish(9, [1], "p")
    fanout.flush()
    assert slow.writes[-1] is fast.writes[-1]
    assert fanout.budget.total == 0


async def test_what_is_held_comes_after_what_was_missed() -> None:
    fanout = Fanout(render)
    session = Session(fanout)
    fanout.join(session.receiver, 1, held=True)
    fanout.publish(5, [1], "p5")
    fanout.flush()
    session.receiver.send(b"missed4;")
    session.receiver.send(b"caught_up;")
    session.receiver.release(1)
    session.receiver.release(1)
    fanout.publish(6, [1], "p6")
    fanout.flush()
    assert session.received == ["missed4", "caught_up", "e5", "e6"]


async def test_who_parts_while_held_is_not_held_for_ever() -> None:
    fanout = Fanout(render)
    session = Session(fanout)
    fanout.join(session.receiver, 1)
    fanout.join(session.receiver, 2, held=True)
    fanout.publish(1, [1], "p")
    fanout.part(session.receiver, 2)
    fanout.publish(2, [1, 2], "p")
    fanout.flush()
    assert session.received == ["e1", "e2"]


async def test_an_overflow_says_for_each_number_from_where_to_go_on() -> None:
    fanout = Fanout(render, Budget(each=6))
    session = Session(fanout)
    fanout.join(session.receiver, 1)
    fanout.publish(1, [1], "p1")
    fanout.flush()
    session.blocked = True
    fanout.publish(2, [1], "p2")
    fanout.flush()
    fanout.join(session.receiver, 2)
    for event in (3, 4, 5):
        fanout.publish(event, [1, 2], f"p{event}")
        fanout.flush()
    assert session.overflows == []
    session.unblock()
    assert session.overflows == [{1: "p2", 2: None}]
    fanout.publish(6, [1, 2], "p6")
    fanout.flush()
    assert session.received == ["e1", "e2"]
    fanout.part(session.receiver, 1)


async def test_a_bookmark_is_a_position_too() -> None:
    fanout = Fanout(render, Budget(each=2))
    session = Session(fanout)
    fanout.join(session.receiver, 1)
    fanout.advance("bookmark")
    assert fanout.position == "bookmark"
    session.blocked = True
    session.receiver.send(b"x;")
    fanout.publish(1, [1], "p1")
    fanout.flush()
    session.unblock()
    assert session.overflows == [{1: "bookmark"}]


@pytest.mark.parametrize("live", [True, False])
async def test_who_takes_nothing_for_five_seconds_or_floods_itself_ends(live: bool) -> None:
    fanout = Fanout(render, Budget(each=100))
    session, neighbour = Session(fanout), Session(fanout)
    for each in (session, neighbour):
        fanout.join(each.receiver, 1)
    session.blocked = True
    session.stalled_seconds = 5.0 if live else 0.0
    session.receiver.send(b"first;")
    for event in range(40):
        if live:
            fanout.publish(event, [1], "p")
            fanout.flush()
        else:
            session.receiver.send(b"own;")
    assert session.codes == [4413]
    assert session.receiver.closed
    assert fanout.budget.total == 0
    assert neighbour.received == [f"e{event}" for event in range(40 if live else 0)]


async def test_the_largest_queue_pays_for_the_common_budget() -> None:
    fanout = Fanout(render, Budget(limit=40))
    large, small = Session(fanout), Session(fanout)
    fanout.join(large.receiver, 1)
    fanout.join(large.receiver, 2)
    fanout.join(small.receiver, 2)
    for session in (large, small):
        session.blocked = True
        session.receiver.send(b"first;")
    for event in range(5):
        fanout.publish(event, [1], "p")
        fanout.flush()
    for event in range(5, 10):
        fanout.publish(event, [2], "p")
        fanout.flush()
    large.unblock()
    small.unblock()
    assert [list(lost) for lost in large.overflows] == [[1, 2]]
    assert small.overflows == []
    assert small.received == ["first", *(f"e{event}" for event in range(5, 10))]


async def test_nothing_is_left_of_a_receiver_that_closed_in_the_middle() -> None:
    fanout = Fanout(render)
    session = Session(fanout)
    fanout.join(session.receiver, 1)
    fanout.publish(1, [1], "p")
    fanout.join(session.receiver, 2)
    session.close()
    fanout.join(session.receiver, 3)
    fanout.part(session.receiver, 2)
    session.receiver.release(2)
    session.receiver.send(b"x")
    await turn()
    assert session.received == ["e1"]
    assert fanout.empty
