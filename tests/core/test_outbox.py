"""The outbox: taken all at once, bounded, and told what it dropped."""

import asyncio

from blackroad.core.hub.group import Frame, Mark
from blackroad.core.limits.budget import Budget
from blackroad.core.log.entry import Position
from blackroad.core.outbox import Outbox
from blackroad.realtime.v1 import channel_pb2
from blackroad.wire.v1 import frames_pb2


def place(sequence: int) -> tuple[Position, ...]:
    return (Position(1, sequence),)


def frame(*texts: str, after: int = 0) -> Frame:
    events = [channel_pb2.Unsubscribe(channel=text).SerializeToString() for text in texts]
    return Frame(events, place(after))


def batch(frames: list[bytes]) -> bytes:
    return frames_pb2.ConnectResponse(batch=frames_pb2.Batch(frames=frames)).SerializeToString()


def outbox(max_bytes: int = 1 << 20) -> tuple[Outbox[Frame], list[Frame]]:
    overflows: list[Frame] = []
    return Outbox(batch, overflows.append, max_bytes), overflows


async def test_without_batching_each_answer_is_a_frame_and_neighbouring_deliveries_are_one() -> (
    None
):
    box, _ = outbox()
    box.put_live(frame("1"))
    box.put_live(frame("2", "3"))
    box.put(b"answer")
    box.put_live(frame("4"))
    first = await box.take()
    assert first is not None
    assert len(channel_pb2.ConnectResponse.FromString(first).delivery.events) == 3
    assert await box.take() == b"answer"
    last = await box.take()
    assert last is not None
    assert len(channel_pb2.ConnectResponse.FromString(last).delivery.events) == 1
    assert box.size == 0


async def test_with_batching_all_that_is_queued_is_one_frame_in_order() -> None:
    box, _ = outbox()
    box.batching = True
    for number in range(3):
        box.put(channel_pb2.ConnectResponse(request_id=str(number)).SerializeToString())
    taken = await box.take()
    assert taken is not None
    frames = channel_pb2.ConnectResponse.FromString(taken).batch.frames
    assert [one.request_id for one in frames] == ["0", "1", "2"]


async def test_one_frame_too_many_is_an_overflow_and_answers_are_kept() -> None:
    box, overflows = outbox(max_bytes=100)
    box.put(b"answer")
    box.put_live(frame("a" * 30, after=1))
    box.put_live(frame("b" * 30, after=2))
    assert [one.after for one in overflows] == [place(2)]
    dropped = box.drop_live()
    assert [one.after for one in dropped] == [place(1)]
    assert await box.take() == b"answer"
    assert box.size == 0


async def test_one_frame_above_the_bound_passes_where_nothing_else_waits() -> None:
    box, overflows = outbox(max_bytes=10)
    box.put_live(frame("a" * 50))
    assert not overflows
    assert await box.take() is not None


async def test_a_reader_of_requests_waits_while_its_answers_are_not_read() -> None:
    box, _ = outbox(max_bytes=10)
    box.put(b"x" * 20)
    waiting = asyncio.ensure_future(box.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await box.take()
    await asyncio.wait_for(waiting, 5)


async def test_after_close_the_rest_is_taken_and_then_nothing() -> None:
    box, _ = outbox()
    box.put(b"last")
    box.close()
    box.close()
    assert await box.take() == b"last"
    assert await box.take() is None


async def test_what_is_queued_is_taken_in_frames_of_at_most_a_mebibyte() -> None:
    box, _ = outbox(max_bytes=64 << 20)
    box.batching = True
    for number in range(100):
        box.put_live(frame("x" * 100_000, after=number))
        box.put(b"answer" * 100)
    taken = 0
    while box.size:
        raw = await box.take()
        assert raw is not None
        assert len(raw) <= (1 << 20) + 100
        taken += 1
    assert 10 <= taken <= 12


async def test_a_mark_keeps_its_place_and_is_dropped_with_the_events_before_it() -> None:
    box, _ = outbox()
    box.put_live(frame("1", after=1))
    box.put(Mark(b"mark", place(2)))
    box.put_live(frame("2", after=2))
    first = await box.take()
    assert first is not None
    assert len(channel_pb2.ConnectResponse.FromString(first).delivery.events) == 1
    assert await box.take() == b"mark"
    box.put(Mark(b"mark", place(3)))
    assert [one.after for one in box.drop_live()] == [place(2), place(3)]
    assert box.size == 0


async def test_what_is_put_for_who_has_gone_is_of_no_budget() -> None:
    budget = Budget()
    box: Outbox[Frame] = Outbox(batch, lambda frame: None, budget=budget)
    box.put_live(frame("waits"))
    box.forget()
    box.put_live(frame("was pending"))
    box.put(b"answer")
    box.forget()
    assert (budget.total, box.size) == (0, 0)
