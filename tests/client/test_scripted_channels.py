"""Subscriptions on streams that are cut, late or wrong when the test says."""

import asyncio

import pytest

from blackroad.client import (
    Client,
    Forbidden,
    Gap,
    InvalidRequest,
    RateLimited,
    Subscription,
    Unauthenticated,
    Unavailable,
)
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2
from tests.client.channel_frames import delivery, hold, offsets, subscribed, take
from tests.client.scripted import ConnectWire, scripted


async def test_a_cut_subscription_resumes_after_what_it_has_received() -> None:
    async def first(wire: ConnectWire) -> None:
        assert not (await subscribed(wire)).cursor
        await wire.write(delivery(1, 2), delivery(3))
        await wire.cut()

    async def second(wire: ConnectWire) -> None:
        assert (await subscribed(wire, recovered=True)).cursor == "c3"
        await wire.write(
            channel_pb2.ConnectResponse(
                batch=channel_pb2.ConnectResponseBatch(frames=[delivery(4), delivery(5)])
            )
        )
        await hold(wire)

    async with (
        asyncio.timeout(10),
        scripted(connects=[first, second]) as url,
        Client(url) as client,
        client.subscribe("c") as subscription,
    ):
        assert offsets(await take(subscription, 5)) == [1, 2, 3, 4, 5]
        assert subscription.cursor == "c5"


async def test_the_public_cursor_is_that_of_what_was_given_out() -> None:
    async def core(wire: ConnectWire) -> None:
        await subscribed(wire)
        mark = channel_pb2.ConnectResponse(bookmark=channel_pb2.Bookmark(cursor="b"))
        await wire.write(delivery(1, 2), mark, delivery(3))
        await hold(wire)

    async with (
        asyncio.timeout(10),
        scripted(connects=[core]) as url,
        Client(url) as client,
        client.subscribe("c") as subscription,
    ):
        cursors: list[str] = []
        for _ in range(3):
            await anext(subscription)
            cursors.append(subscription.cursor)
        assert cursors == ["c1", "c2", "c3"]


async def test_a_quiet_subscription_resumes_at_its_bookmark() -> None:
    async def first(wire: ConnectWire) -> None:
        await subscribed(wire)
        await wire.write(channel_pb2.ConnectResponse(bookmark=channel_pb2.Bookmark(cursor="b7")))
        await wire.cut()

    async def second(wire: ConnectWire) -> None:
        assert (await subscribed(wire, recovered=True)).cursor == "b7"
        await wire.write(delivery(8))
        await hold(wire)

    async with (
        asyncio.timeout(10),
        scripted(connects=[first, second]) as url,
        Client(url) as client,
        client.subscribe("c") as subscription,
    ):
        assert offsets(await take(subscription, 1)) == [8]


async def test_a_gap_is_told_in_its_place_and_once() -> None:
    async def core(wire: ConnectWire) -> None:
        assert (await subscribed(wire, recovered=False, cursor="c6")).cursor == "old"
        gap = event_pb2.Gap(channel="c", reason=event_pb2.GAP_REASON_EPOCH_CHANGED, cursor="c6")
        later = event_pb2.Gap(channel="c", reason=event_pb2.GAP_REASON_EXPIRED, cursor="c8")
        await wire.write(
            channel_pb2.ConnectResponse(gap=gap),
            delivery(7),
            channel_pb2.ConnectResponse(gap=later),
            delivery(9),
        )
        await hold(wire)

    async with (
        asyncio.timeout(10),
        scripted(connects=[core]) as url,
        Client(url) as client,
        client.subscribe("c", "old") as subscription,
    ):
        items = await take(subscription, 4)
    assert items[0] == Gap("c", "epoch_changed", "c6")
    assert items[2] == Gap("c", "expired", "c8")
    assert offsets(items) == [7, 9]


async def test_a_cancelled_wait_loses_nothing() -> None:
    async def first(wire: ConnectWire) -> None:
        await subscribed(wire)
        await wire.write(delivery(1))
        await hold(wire)

    async def second(wire: ConnectWire) -> None:
        assert (await subscribed(wire, recovered=True)).cursor == "c1"
        await wire.write(delivery(2))
        await hold(wire)

    async with (
        asyncio.timeout(10),
        scripted(connects=[first, second]) as url,
        Client(url) as client,
        client.subscribe("c") as subscription,
    ):
        await anext(subscription)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(subscription)
        assert offsets(await take(subscription, 1)) == [2]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (common_pb2.ERROR_CODE_FORBIDDEN, Forbidden),
        (common_pb2.ERROR_CODE_INVALID_CURSOR, InvalidRequest),
        (common_pb2.ERROR_CODE_CHANNEL_FULL, RateLimited),
    ],
)
async def test_a_rejected_subscription_raises(
    code: common_pb2.ErrorCode.ValueType, error: type[Exception]
) -> None:
    async def core(wire: ConnectWire) -> None:
        frame = await wire.read()
        no = common_pb2.Rejected(code=code, message="no", channel="c")
        await wire.write(channel_pb2.ConnectResponse(request_id=frame.request_id, rejected=no))
        await hold(wire)

    async with asyncio.timeout(10), scripted(connects=[core]) as url, Client(url) as client:
        with pytest.raises(error, match="c: no"):
            await anext(client.subscribe("c"))


async def test_a_right_that_is_taken_away_ends_it_with_the_reason() -> None:
    async def core(wire: ConnectWire) -> None:
        await subscribed(wire)
        gone = channel_pb2.Unsubscribed(channel="c", code=common_pb2.ERROR_CODE_NOT_MEMBER)
        await wire.write(delivery(1), channel_pb2.ConnectResponse(unsubscribed=gone))
        await hold(wire)

    async with asyncio.timeout(10), scripted(connects=[core]) as url, Client(url) as client:
        subscription = client.subscribe("c")
        assert offsets(await take(subscription, 1)) == [1]
        with pytest.raises(Forbidden) as raised:
            await anext(subscription)
        assert raised.value.code == "not_member"
        with pytest.raises(StopAsyncIteration):
            await anext(subscription)


async def test_an_expired_token_is_not_tried_again() -> None:
    async def core(wire: ConnectWire) -> None:
        await subscribed(wire)
        over = common_pb2.Closing(code=common_pb2.ERROR_CODE_TOKEN_EXPIRED, message="over")
        await wire.write(channel_pb2.ConnectResponse(closing=over))

    async with asyncio.timeout(10), scripted(connects=[core]) as url, Client(url) as client:
        with pytest.raises(Unauthenticated, match="over"):
            await anext(client.subscribe("c"))


async def test_closing_a_subscription_ends_a_loop_that_waits() -> None:
    async def core(wire: ConnectWire) -> None:
        await subscribed(wire)
        await hold(wire)

    async with asyncio.timeout(10), scripted(connects=[core]) as url, Client(url) as client:
        async with client.subscribe("c") as subscription, asyncio.TaskGroup() as group:
            loop = group.create_task(_count(subscription))
            await asyncio.sleep(0)
            await subscription.close()
        assert loop.result() == 0


async def _count(subscription: Subscription) -> int:
    return len([item async for item in subscription])


async def test_without_a_core_a_subscription_says_so_after_the_clients_patience() -> None:
    async with scripted() as url:
        pass
    async with asyncio.timeout(10), Client(url, timeout_seconds=0.2) as client:
        with pytest.raises(Unavailable, match="no core answers"):
            await anext(client.subscribe("c"))


def test_a_subscription_begins_at_a_cursor_or_with_history() -> None:
    with pytest.raises(ValueError, match="not both"):
        Client("grpc://127.0.0.1:1").subscribe("c", "cursor", history=3)
