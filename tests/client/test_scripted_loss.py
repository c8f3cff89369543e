"""A worker whose core goes, takes its work away, refuses it, or lets it drain."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from blackroad.client import (
    Agent,
    Call,
    Forbidden,
)
from blackroad.realtime.v1 import common_pb2, stream_pb2
from tests.client.scripted import ServeWire, scripted
from tests.client.serve_frames import (
    goodbye,
    invocation,
    register,
    serve,
    to_the_end,
)


async def test_a_superseded_worker_stops_and_says_nothing_more() -> None:
    agent = Agent("A")
    stopped = asyncio.Event()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield "one"
        if call.text == "b":
            return
        try:
            await asyncio.Event().wait()
        finally:
            assert call.cancelled
            stopped.set()

    async def core(wire: ServeWire) -> None:
        await register(wire)
        await wire.write(invocation("s1", "a"))
        assert [(await wire.read()).WhichOneof("frame") for _ in range(2)] == ["accept", "chunk"]
        gone = stream_pb2.Superseded()
        await wire.write(stream_pb2.ServeResponse(stream_id="s1", attempt=1, superseded=gone))
        await stopped.wait()
        await wire.write(invocation("s2", "b"))
        assert {each.stream_id for each in await to_the_end(wire)} == {"s2"}
        agent.drain()
        await goodbye(wire)

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        await serve(agent, url)


async def test_a_lost_core_is_worked_on_without_and_told_everything_afterwards() -> None:
    agent = Agent("A")
    cut, written = asyncio.Event(), asyncio.Event()
    words = [f"w{number} " for number in range(50)]

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield "first "
        await cut.wait()
        for word in words:
            yield word
        written.set()

    async def first(wire: ServeWire) -> None:
        await register(wire)
        await wire.write(invocation("s1", "", attempt=3))
        assert [(await wire.read()).WhichOneof("frame") for _ in range(2)] == ["accept", "chunk"]
        cut.set()
        await written.wait()
        await wire.cut()

    async def second(wire: ServeWire) -> None:
        wanted = await register(wire)
        assert [(each.stream_id, each.attempt) for each in wanted.resumed] == [("s1", 3)]
        texts: dict[int, str] = {}
        for frame in await to_the_end(wire):
            if frame.WhichOneof("frame") == "chunk":
                texts[frame.chunk.index] = frame.chunk.text
        assert "".join(texts[index] for index in sorted(texts)) == "first " + "".join(words)
        agent.drain()
        await goodbye(wire)

    async with asyncio.timeout(10), scripted(serves=[first, second]) as url:
        await serve(agent, url)


async def test_what_still_runs_is_registered_as_resumed() -> None:
    agent = Agent("A")
    go_on = asyncio.Event()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        await go_on.wait()
        yield "done"

    async def first(wire: ServeWire) -> None:
        await register(wire)
        await wire.write(invocation("s1", "", attempt=2))
        await wire.read()
        closing = common_pb2.Closing(code=common_pb2.ERROR_CODE_DRAINING)
        await wire.write(stream_pb2.ServeResponse(closing=closing))
        await wire.cut()

    async def second(wire: ServeWire) -> None:
        wanted = await register(wire)
        assert [(each.stream_id, each.attempt) for each in wanted.resumed] == [("s1", 2)]
        go_on.set()
        assert (await to_the_end(wire))[-1].attempt == 2
        agent.drain()
        await goodbye(wire)

    async with asyncio.timeout(10), scripted(serves=[first, second]) as url:
        await serve(agent, url)


async def test_a_drain_finishes_what_runs_and_takes_no_more() -> None:
    agent = Agent("A", max_concurrency=2)
    go_on = asyncio.Event()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        await go_on.wait()
        yield "done"

    async def core(wire: ServeWire) -> None:
        await register(wire)
        await wire.write(invocation("s1", ""))
        await wire.read()
        agent.drain()
        await goodbye(wire)
        await wire.write(invocation("s2", ""))
        assert (await wire.read()).WhichOneof("frame") == "refuse"
        go_on.set()
        assert (await to_the_end(wire))[-1].WhichOneof("frame") == "finish"

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        await serve(agent, url)


async def test_a_worker_that_may_not_serve_says_why() -> None:
    agent = Agent("A")
    agent.answer(_nothing)

    async def core(wire: ServeWire) -> None:
        frame = await wire.read()
        no = common_pb2.Rejected(code=common_pb2.ERROR_CODE_FORBIDDEN, message="not yours")
        await wire.write(stream_pb2.ServeResponse(request_id=frame.request_id, rejected=no))
        await wire.read()

    async with asyncio.timeout(10), scripted(serves=[core]) as url:
        with pytest.raises(Forbidden, match="not yours"):
            await serve(agent, url)


async def _nothing(call: Call) -> AsyncIterator[str]:
    yield call.text
