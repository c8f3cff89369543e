"""Publishing on streams that are cut, late or wrong when the test says."""

import asyncio

import pytest

from blackroad.client import (
    Client,
    Conflict,
    InvalidRequest,
    RateLimited,
    RealtimeError,
    Unavailable,
    UnknownOutcome,
)
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2
from tests.client.channel_frames import hold
from tests.client.scripted import ConnectWire, scripted


async def test_a_publish_that_was_cut_goes_out_again_under_the_same_key() -> None:
    keys: list[str] = []

    async def first(wire: ConnectWire) -> None:
        keys.append((await wire.read()).publish.idempotency_key)
        await wire.cut()

    async def second(wire: ConnectWire) -> None:
        frame = await wire.read()
        keys.append(frame.publish.idempotency_key)
        await wire.write(_published(frame, 5, duplicate=True))
        await hold(wire)

    async with asyncio.timeout(10), scripted(connects=[first, second]) as url:
        async with Client(url) as client:
            published = await client.publish("c", "x")
        assert (published.event_id, published.offset, published.duplicate) == ("ev_5", 5, True)
    assert keys[0] == keys[1] != ""


def _published(
    frame: channel_pb2.ConnectRequest, offset: int, *, duplicate: bool = False
) -> channel_pb2.ConnectResponse:
    one = channel_pb2.PublishedEvent(id=f"ev_{offset}", offset=offset)
    answer = channel_pb2.PublishResponse(events=[one], duplicate=duplicate, channel="c")
    return channel_pb2.ConnectResponse(request_id=frame.request_id, published=answer)


async def test_an_open_outcome_is_tried_again_and_a_certain_no_is_not() -> None:
    async def core(wire: ConnectWire) -> None:
        frame = await wire.read()
        for code, key in (
            (common_pb2.ERROR_CODE_UNKNOWN, frame.publish.idempotency_key),
            (common_pb2.ERROR_CODE_CONFLICT, frame.publish.idempotency_key),
        ):
            assert frame.publish.idempotency_key == key
            no = common_pb2.Rejected(code=code)
            await wire.write(channel_pb2.ConnectResponse(request_id=frame.request_id, rejected=no))
            if code == common_pb2.ERROR_CODE_UNKNOWN:
                frame = await wire.read()
        await hold(wire)

    async with asyncio.timeout(10), scripted(connects=[core]) as url, Client(url) as client:
        with pytest.raises(Conflict):
            await client.publish("c", "x", expected_offset=3)


def _refused(
    frame: channel_pb2.ConnectRequest, code: common_pb2.ErrorCode.ValueType
) -> channel_pb2.ConnectResponse:
    no = common_pb2.Rejected(code=code)
    return channel_pb2.ConnectResponse(request_id=frame.request_id, rejected=no)


REFUSALS = [
    (common_pb2.ERROR_CODE_RATE_LIMITED, UnknownOutcome),
    (common_pb2.ERROR_CODE_FORBIDDEN, UnknownOutcome),
    (common_pb2.ERROR_CODE_NOT_MEMBER, UnknownOutcome),
    (common_pb2.ERROR_CODE_TOO_LARGE, InvalidRequest),
]


@pytest.mark.parametrize(("code", "error"), REFUSALS)
async def test_a_refusal_after_an_open_outcome_leaves_it_open(
    code: common_pb2.ErrorCode.ValueType, error: type[RealtimeError]
) -> None:
    async def core(wire: ConnectWire) -> None:
        await wire.write(_refused(await wire.read(), common_pb2.ERROR_CODE_UNKNOWN))
        await wire.write(_refused(await wire.read(), code))
        await wire.write(_refused(await wire.read(), common_pb2.ERROR_CODE_RATE_LIMITED))
        await hold(wire)

    async with asyncio.timeout(10), scripted(connects=[core]) as url, Client(url) as client:
        with pytest.raises(error):
            await client.publish("c", "x")
        with pytest.raises(RateLimited):
            await client.publish("c", "another, which was refused at its first try")


@pytest.mark.parametrize(("code", "error"), REFUSALS)
async def test_a_refusal_after_a_try_that_was_cut_leaves_it_open(
    code: common_pb2.ErrorCode.ValueType, error: type[RealtimeError]
) -> None:
    async def first(wire: ConnectWire) -> None:
        await wire.read()
        await wire.cut()

    async def second(wire: ConnectWire) -> None:
        await wire.write(_refused(await wire.read(), code))
        await hold(wire)

    cores = scripted(connects=[first, second])
    async with asyncio.timeout(10), cores as url, Client(url) as client:
        with pytest.raises(error):
            await client.publish("c", "x")


async def test_who_is_refused_until_the_time_is_over_hears_why() -> None:
    async def core(wire: ConnectWire) -> None:
        answer = _refused(await wire.read(), common_pb2.ERROR_CODE_UNAVAILABLE)
        answer.rejected.message = "the log's memory is full"
        answer.rejected.retry_after.seconds = 60
        await wire.write(answer)
        await hold(wire)

    cores = scripted(connects=[core])
    async with asyncio.timeout(10), cores as url, Client(url, timeout_seconds=0.5) as client:
        with pytest.raises(Unavailable, match="memory is full"):
            await client.publish("c", "x")


async def test_a_publish_that_is_never_answered_is_unknown() -> None:
    async def core(wire: ConnectWire) -> None:
        await hold_after_one(wire)

    async def hold_after_one(wire: ConnectWire) -> None:
        await wire.read()
        await hold(wire)

    async with (
        asyncio.timeout(10),
        scripted(connects=[core]) as url,
        Client(url, timeout_seconds=0.2) as client,
    ):
        with pytest.raises(UnknownOutcome):
            await client.publish("c", "x")


async def test_bodies_and_what_is_beside_them_go_out() -> None:
    drafts: list[event_pb2.Draft] = []

    async def core(wire: ConnectWire) -> None:
        for number in range(1, 5):
            frame = await wire.read()
            drafts.extend(frame.publish.events)
            await wire.write(_published(frame, number))
        await hold(wire)

    async with asyncio.timeout(10), scripted(connects=[core]) as url, Client(url) as client:
        await client.publish("c", "text", "note", headers={"a": "b"}, ttl_seconds=2)
        await client.publish("c", b"\x00", correlation_id="q")
        await client.publish("c", {"progress": 50, "ö": [None, True, 1.5]})
        await client.publish_all("c", [1, "two"])
    assert [draft.WhichOneof("body") for draft in drafts] == [
        "text",
        "data",
        "json",
        "json",
        "text",
    ]
    assert drafts[0].type == "note"
    assert drafts[0].headers == {"a": "b"}
    assert drafts[0].ttl.ToTimedelta().total_seconds() == 2
    assert drafts[1].correlation_id == "q"
    assert drafts[2].json == '{"progress":50,"ö":[null,true,1.5]}'
