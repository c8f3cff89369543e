"""Guards: an expected offset, and fences by which a channel has one writer and one end."""

from blackroad.core.errors import Code
from blackroad.core.log.base import Fence, Log
from tests.contract.log.steps import ROOM, catch_up, code_of, put, refused, request, say, texts


async def test_the_expected_offset_is_the_last_one(log: Log) -> None:
    answer = await put(log, request(ROOM, "a", expected_offset=0))
    await put(log, request(ROOM, "b", expected_offset=answer.last_offset))


async def test_another_expected_offset_is_a_conflict_that_names_the_present_one(log: Log) -> None:
    last = (await say(log, ROOM, "a", "b")).last_offset
    refusal = await refused(log, request(ROOM, "c", expected_offset=last - 1))
    assert refusal.code is Code.CONFLICT
    assert str(last) in refusal.message
    assert await code_of(log, request(ROOM, "c", expected_offset=0)) is Code.CONFLICT


async def test_of_two_that_expect_the_same_offset_one_wins(log: Log) -> None:
    start = log.heads()
    await log.append([request(ROOM, text, expected_offset=0) for text in ("first", "second")])
    await say(log, ROOM, "end")
    assert texts(await catch_up(log, [ROOM], start)) == ["first", "end"]


async def test_an_attempt_may_write_again(log: Log) -> None:
    for text in ("a", "b"):
        await put(log, request(ROOM, text, fence=Fence(1)))


async def test_a_new_attempt_takes_over_and_the_old_one_is_refused(log: Log) -> None:
    await put(log, request(ROOM, "a", fence=Fence(1)))
    await put(log, request(ROOM, "b", fence=Fence(2)))
    assert await code_of(log, request(ROOM, "c", fence=Fence(1))) is Code.CONFLICT
    assert await code_of(log, request(ROOM, "c", fence=Fence(1, ends=True))) is Code.CONFLICT
    await put(log, request(ROOM, "d", fence=Fence(2)))


async def test_exactly_one_ending_wins(log: Log) -> None:
    start = log.heads()
    answers = await log.append(
        [request(ROOM, text, fence=Fence(1, ends=True)) for text in ("one", "two", "three")]
    )
    assert [getattr(answer, "code", None) for answer in answers] == [
        None,
        Code.CANCELLED,
        Code.CANCELLED,
    ]
    await say(log, ROOM, "after")
    assert texts(await catch_up(log, [ROOM], start)) == ["one", "after"]


async def test_after_the_end_even_a_new_attempt_is_refused(log: Log) -> None:
    await put(log, request(ROOM, "end", fence=Fence(1, ends=True)))
    assert await code_of(log, request(ROOM, "more", fence=Fence(1))) is Code.CANCELLED
    assert await code_of(log, request(ROOM, "more", fence=Fence(9))) is Code.CANCELLED


async def test_an_append_without_a_fence_is_not_held_up_by_one(log: Log) -> None:
    await put(log, request(ROOM, "end", fence=Fence(5, ends=True)))
    await say(log, ROOM, "a word after the end")


async def test_a_refused_attempt_does_not_raise_the_stored_one(log: Log) -> None:
    await put(log, request(ROOM, "a", fence=Fence(1)))
    await refused(log, request(ROOM, "b", fence=Fence(7, ends=True), expected_offset=1 << 40))
    await put(log, request(ROOM, "c", fence=Fence(1)))


async def test_fences_of_channels_are_their_own(log: Log) -> None:
    await put(log, request(ROOM, "end", fence=Fence(5, ends=True)))
    await put(log, request(f"{ROOM}.two", "a", fence=Fence(1)))
