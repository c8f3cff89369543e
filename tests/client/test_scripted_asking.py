"""What a caller asks for on a scripted stream, and what is refused."""

import asyncio

import grpc
import pytest

from blackroad.client import (
    Cancelled,
    Client,
    Message,
    NoAgent,
    Options,
    Started,
    Unauthenticated,
    Unavailable,
    Usage,
)
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2
from tests.client.answer_frames import finished, started
from tests.client.scripted import OpenWire, scripted


async def test_a_cancel_is_asked_for_and_its_end_is_a_part() -> None:
    async def core(wire: OpenWire) -> None:
        request = await wire.read()
        await wire.write(started(request))
        cancel = await wire.read()
        assert cancel.cancel.stream_id == "s1"
        await wire.write(
            stream_pb2.OpenResponse(request_id=cancel.request_id, accepted=common_pb2.Accepted()),
            stream_pb2.OpenResponse(
                request_id=request.request_id,
                stream_id="s1",
                cancelled=event_pb2.AnswerCancelled(usage=event_pb2.Usage(output_tokens=4)),
            ),
        )

    async with asyncio.timeout(10), scripted(opens=[core]) as url, Client(url) as client:
        answer = client.invoke("A", "hi")
        await answer.cancel()
        parts = [part async for part in answer]
        await answer.cancel()
    assert parts == [Started("A", "m", 1), Cancelled(Usage(0, 4))]


async def test_an_input_is_given_as_json() -> None:
    async def core(wire: OpenWire) -> None:
        request = await wire.read()
        await wire.write(started(request))
        given = await wire.read()
        assert (given.input.stream_id, given.input.json) == ("s1", '{"a":[1,null,0.5]}')
        await wire.write(
            stream_pb2.OpenResponse(request_id=given.request_id, accepted=common_pb2.Accepted()),
            finished(request),
        )

    async with (
        asyncio.timeout(10),
        scripted(opens=[core]) as url,
        Client(url) as client,
        client.invoke("A", "hi") as answer,
    ):
        await answer.reply({"a": [1, None, 0.5]})
        await answer.text()


async def test_a_rejected_invocation_raises_and_harms_no_other() -> None:
    async def core(wire: OpenWire) -> None:
        no = common_pb2.Rejected(
            code=common_pb2.ERROR_CODE_NO_AGENT, message="nobody", retryable=True
        )
        request = await wire.read()
        await wire.write(stream_pb2.OpenResponse(request_id=request.request_id, rejected=no))
        other = await wire.read()
        await wire.write(started(other), finished(other))

    async with asyncio.timeout(10), scripted(opens=[core]) as url, Client(url) as client:
        with pytest.raises(NoAgent, match="nobody") as raised:
            await client.invoke("A", "hi").text()
        assert raised.value.retryable
        assert await client.invoke("A", "hi").text() == ""


async def test_messages_options_and_limits_go_out() -> None:
    async def core(wire: OpenWire) -> None:
        start = (await wire.read()).start
        assert start.target.capability == "chat"
        assert [turn.parts[0].text for turn in start.messages] == ["a", "b"]
        assert start.options.max_tokens == 5
        assert start.deadline.ToTimedelta().total_seconds() == 1.5
        assert start.on_abandoned == stream_pb2.ON_ABANDONED_CANCEL
        assert start.abandoned_after.ToTimedelta().total_seconds() == 2
        assert start.conversation == "c"
        await wire.cut(grpc.StatusCode.UNAUTHENTICATED)

    async with asyncio.timeout(10), scripted(opens=[core]) as url, Client(url) as client:
        answer = client.invoke(
            prompt=[Message.of("system", "a"), Message.of("user", "b")],
            capability="chat",
            options=Options(max_tokens=5),
            deadline_seconds=1.5,
            conversation="c",
            cancel_abandoned_seconds=2,
        )
        with pytest.raises(Unauthenticated):
            await answer.text()
        with pytest.raises(Unauthenticated):
            await client.invoke("A", "hi").text()


async def test_a_core_that_is_not_there_is_said_after_the_clients_patience() -> None:
    async with scripted() as url:
        pass
    async with asyncio.timeout(10), Client(url, timeout_seconds=0.3) as client:
        with pytest.raises(Unavailable, match=r"no core answers at 127\.0\.0\.1"):
            await client.invoke("A", "hi").text()


def test_exactly_one_target_is_named() -> None:
    client = Client("grpc://127.0.0.1:1")
    with pytest.raises(ValueError, match="exactly one"):
        client.invoke("A", "hi", model="builtin/echo")
    with pytest.raises(ValueError, match="exactly one"):
        client.invoke(prompt="hi")
