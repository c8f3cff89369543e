"""The frames of `Connect` that scripts answer with."""

import pytest

from blackroad.client import (
    Event,
    Received,
    Subscription,
)
from blackroad.realtime.v1 import channel_pb2, event_pb2
from tests.client.scripted import ConnectWire


def event(offset: int) -> event_pb2.Event:
    return event_pb2.Event(
        id=f"ev_{offset}", channel="c", type="message", offset=offset, cursor=f"c{offset}", text="x"
    )


def delivery(*offsets: int) -> channel_pb2.ConnectResponse:
    events = [event(offset) for offset in offsets]
    return channel_pb2.ConnectResponse(delivery=event_pb2.Delivery(events=events))


async def subscribed(
    wire: ConnectWire, *, recovered: bool | None = None, cursor: str = "c0"
) -> channel_pb2.Subscribe:
    frame = await wire.read()
    answer = channel_pb2.Subscribed(
        channel=frame.subscribe.channel, cursor=cursor, recovered=recovered
    )
    if recovered is False:
        answer.gap = event_pb2.GAP_REASON_EPOCH_CHANGED
    await wire.write(channel_pb2.ConnectResponse(request_id=frame.request_id, subscribed=answer))
    return frame.subscribe


async def take(subscription: Subscription, count: int) -> list[Received]:
    return [await anext(subscription) for _ in range(count)]


def offsets(items: list[Received]) -> list[int]:
    return [item.offset for item in items if isinstance(item, Event)]


async def hold(wire: ConnectWire) -> None:
    """Keep the stream until the client ends it."""
    with pytest.raises(StopAsyncIteration):
        await wire.read()
