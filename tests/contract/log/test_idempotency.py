"""Idempotency: for at least five minutes a key gives the first result."""

from blackroad.core.errors import Code
from blackroad.core.log.base import Appended, Fence, Log
from tests.contract.log.engines import Bounds, Engine
from tests.contract.log.steps import (
    OTHER,
    ROOM,
    catch_up,
    put,
    refused,
    request,
    say,
    texts,
)

ADA = ("ada", "key-1")


async def test_the_same_key_gives_the_first_result_and_appends_nothing(log: Log) -> None:
    start = log.heads()
    first = await put(log, request(ROOM, "a", "b", idempotency=ADA))
    await say(log, ROOM, "between")
    again = await put(log, request(ROOM, "other id", idempotency=ADA))
    assert again.duplicate
    assert not first.duplicate
    assert (again.ids, again.first_offset, again.position, again.partition, again.time_ns) == (
        first.ids,
        first.first_offset,
        first.position,
        first.partition,
        first.time_ns,
    )
    assert texts(await catch_up(log, [ROOM], start)) == ["a", "b", "between"]


async def test_a_repeated_key_within_one_batch_counts(log: Log) -> None:
    start = log.heads()
    first, again = await log.append([request(ROOM, "a", idempotency=ADA) for _ in range(2)])
    assert isinstance(first, Appended)
    assert isinstance(again, Appended)
    assert (first.duplicate, again.duplicate) == (False, True)
    await say(log, ROOM, "end")
    assert texts(await catch_up(log, [ROOM], start)) == ["a", "end"]


async def test_another_subject_channel_or_key_is_another_request(log: Log) -> None:
    await put(log, request(ROOM, "a", idempotency=ADA))
    for append in (
        request(ROOM, "b", idempotency=("bob", "key-1")),
        request(ROOM, "c", idempotency=("ada", "key-2")),
        request(OTHER, "d", idempotency=ADA),
    ):
        assert not (await put(log, append)).duplicate


async def test_a_retry_is_answered_though_its_guards_no_longer_hold(log: Log) -> None:
    append = request(ROOM, "end", expected_offset=0, fence=Fence(1, ends=True), idempotency=ADA)
    await put(log, append)
    assert (await put(log, append)).duplicate


async def test_a_refused_append_does_not_use_its_key(log: Log) -> None:
    await refused(log, request(ROOM, "a", expected_offset=9, idempotency=ADA))
    assert not (await put(log, request(ROOM, "a", idempotency=ADA))).duplicate


async def test_a_key_is_known_for_five_minutes_and_not_for_more_than_ten(
    engine: Engine, log: Log
) -> None:
    for number in range(4):
        key = ("ada", f"key-{number}")
        await put(log, request(ROOM, "a", idempotency=key))
        await engine.pass_time(299)
        assert (await put(log, request(ROOM, "a", idempotency=key))).duplicate
        await engine.pass_time(302)
        assert not (await put(log, request(ROOM, "a", idempotency=key))).duplicate


async def test_a_full_table_refuses_and_forgets_nothing(engine: Engine) -> None:
    async with engine.open(Bounds(idempotency_keys=40)) as log:
        known = 0
        while not isinstance(
            (await log.append([request(ROOM, "a", idempotency=("ada", str(known)))]))[0],
            BaseException,
        ):
            known += 1
            assert known <= 40
        assert known >= 10
        refusal = await refused(log, request(ROOM, "b", idempotency=("ada", "new")))
        assert refusal.code is Code.RATE_LIMITED
        assert refusal.retry_after_seconds is not None
        assert 0 < refusal.retry_after_seconds <= 300
        for number in range(known):
            again = await put(log, request(ROOM, "a", idempotency=("ada", str(number))))
            assert again.duplicate
        await say(log, ROOM, "without a key")
        await engine.pass_time(601)
        await put(log, request(ROOM, "b", idempotency=("ada", "new")))
