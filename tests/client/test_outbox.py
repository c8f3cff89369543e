"""The queue before a stream: all at once, bounded, in order."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from blackroad.client.outbox import WRITE_BYTES, WRITE_FRAMES, Outbox


async def test_a_take_has_all_that_is_queued() -> None:
    outbox = Outbox()
    for frame in (b"a", b"b", b"c"):
        outbox.append(frame)
    assert await outbox.take() == [b"a", b"b", b"c"]
    assert len(outbox) == 0


async def test_a_take_waits_for_the_first_frame() -> None:
    outbox = Outbox()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        taken = group.create_task(outbox.take())
        await asyncio.sleep(0)
        outbox.append(b"a")
    assert taken.result() == [b"a"]


async def test_a_full_queue_makes_its_writers_wait_and_loses_nothing() -> None:
    outbox = Outbox(max_bytes=10)
    written: list[bytes] = []

    async def write() -> None:
        for number in range(20):
            await outbox.put(bytes([number]) * 4)
            written.append(bytes([number]) * 4)

    taken: list[bytes] = []
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(write())
        await asyncio.sleep(0)
        assert len(written) == 3
        assert outbox.full
        while len(taken) < 20:
            taken += await outbox.take()
    assert taken == written


async def test_clearing_lets_a_waiting_writer_go_on() -> None:
    outbox = Outbox(max_bytes=1)
    outbox.append(b"old")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(outbox.put(b"new"))
        await asyncio.sleep(0)
        outbox.clear()
    assert await outbox.take() == [b"new"]


@given(st.lists(st.binary(max_size=WRITE_BYTES // 3), max_size=20))
def test_takes_are_bounded_and_joined_they_are_what_was_appended(frames: list[bytes]) -> None:
    async def run() -> None:
        outbox = Outbox(max_bytes=1 << 30)
        for frame in frames:
            outbox.append(frame)
        taken: list[bytes] = []
        while len(taken) < len(frames):
            one = await outbox.take()
            assert len(one) <= WRITE_FRAMES
            assert len(one) == 1 or sum(map(len, one)) <= WRITE_BYTES
            taken += one
        assert taken == frames
        assert outbox.taken == outbox.placed == len(frames)

    asyncio.run(run())


async def test_a_frame_larger_than_a_write_goes_alone() -> None:
    outbox = Outbox()
    large = bytes(WRITE_BYTES + 1)
    for frame in (large, b"a"):
        outbox.append(frame)
    assert await outbox.take() == [large]
    assert await outbox.take() == [b"a"]
