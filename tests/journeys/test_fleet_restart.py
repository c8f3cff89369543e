"""Three cores and two edges are started anew, one after the other, while everybody goes on."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import cast

import pytest

from blackroad.client import Call, Client, Event, Subscription
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, common_pb2
from tests.conformance.grpc_door import ConnectCall, dialled
from tests.journeys.cores import NAMES, cores
from tests.journeys.serving import fresh, serving
from tests.journeys.tabs import SocketTab, StreamTab, Tab
from tests.journeys.traffic import talking
from tests.processes import part

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SOCKETS, STREAMS = 12, 4  # at each edge
SESSIONS = 20
# server.RETRY_SECONDS of the edge and listener.RETRY_SECONDS: what a draining edge asks for.
LEAST_SECONDS, MOST_SECONDS = 0.5, 4.0


@asynccontextmanager
async def opened(tabs: Sequence[Tab]) -> AsyncGenerator[None]:
    """Have the tabs open while the context lasts."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(tab.run()) for tab in tabs]
        try:
            for tab in tabs:
                await tab.stands()
            yield
        finally:
            for task in running:
                task.cancel()


def fields(event: Event) -> dict[str, object]:
    """Return an event's content, which is an object."""
    assert isinstance(event.content, dict)
    return cast("dict[str, object]", event.content)


def spread_of(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the least and the most; fail where they are not spread."""
    least, most = min(seconds), max(seconds)
    assert least >= LEAST_SECONDS
    assert most <= MOST_SECONDS
    assert most - least > (MOST_SECONDS - LEAST_SECONDS) / 4, "all come back together"
    assert len(set(seconds)) > len(seconds) * 0.9
    return least, most


@asynccontextmanager
async def told(client: Client, pattern: str) -> AsyncGenerator[list[Event]]:
    """Note all events of a pattern while the context lasts; a gap fails the test."""
    seen: list[Event] = []

    async def read(subscription: Subscription) -> None:
        async for event in subscription:
            assert isinstance(event, Event)
            seen.append(event)

    async with client.subscribe(pattern) as subscription, asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(read(subscription))
        try:
            yield seen
        finally:
            reader.cancel()


async def words(call: Call) -> AsyncGenerator[str]:
    """Say back what was asked."""
    yield call.text


async def test_nothing_is_lost_nothing_comes_twice_and_all_come_back_spread(room: str) -> None:
    name = fresh("agent")
    # On a busy machine a tab may need longer than it was asked to wait: it must not count.
    with cores(PRESENCE__GRACE_SECONDS="30") as fleet, ExitStack() as stack:
        edges = {
            number: stack.enter_context(part("edge", HTTP="127.0.0.1:0", CORE=fleet.dns))
            for number in range(2)
        }
        https = [edge.addresses["http"] for edge in edges.values()]
        tabs: list[Tab] = []
        for number, order in enumerate((https, https[::-1])):
            tabs += [SocketTab(f"tab-{number}-{one}", room, order) for one in range(SOCKETS)]
            tabs += [StreamTab(f"tab-{number}-{one}", room, order) for one in range(STREAMS)]
        async with (
            Client(f"grpc://{fleet.listed}") as agent,
            told(agent, "alerts") as alerts,
            told(agent, "presence.user.*") as presence,
            opened(tabs),
            serving(fleet.listed, name, words),
        ):
            async with talking(partial(agent.publish, room)) as talk:
                await talk.more(50)
                for core in NAMES:
                    await fleet.strike(core, "drained")
                    await talk.more(50)
                    await fleet.mend(core)
                    await talk.more(50)
                for number, http in enumerate(https):
                    assert await asyncio.to_thread(edges[number].process.terminate, 40) == 0
                    edges[number] = stack.enter_context(part("edge", HTTP=http, CORE=fleet.dns))
                    for tab in tabs:
                        await tab.has(talk.last)
            for tab in tabs:
                await tab.has(talk.last)
                assert len(tab.numbers) == talk.last + 1
            assert await agent.invoke(name, "still there?").text() == "still there?"
            gone = [fields(change) for change in presence if fields(change)["status"] == "offline"]
        # Who went by itself was not lost, and whoever moved was never gone.
        messages = [str(fields(alert)["message"]) for alert in alerts]
        assert sorted(messages) == [f"{core} is shutting down" for core in NAMES]
        assert len(presence) >= 2 * SOCKETS
        assert gone == []
        retries = [seconds for tab in tabs for seconds in tab.retries]
        assert len(retries) >= len(tabs)
        least, most = spread_of(retries)
        sys.stdout.write(
            f"3 cores and 2 edges started anew: {talk.last + 1} events to {len(tabs)} tabs, "
            f"0 lost, 0 twice; {len(retries)} closings, retry_after {least:.2f} to {most:.2f} s\n"
        )


async def closing_of(call: ConnectCall) -> common_pb2.Closing:
    """Read a stream to the end that its core gives it."""
    while True:
        response = await call.read()
        assert isinstance(response, channel_pb2.ConnectResponse), "it ended without a word"
        if response.HasField("closing"):
            return response.closing


async def test_a_draining_core_gives_each_session_a_time_of_its_own() -> None:
    hello = common_pb2.Hello(protocol_version=1)
    with part("core", GRPC="127.0.0.1:0") as core:
        async with dialled(core.addresses["grpc"]) as channel:
            calls: list[ConnectCall] = []
            for _ in range(SESSIONS):
                call: ConnectCall = channel_pb2_grpc.ChannelServiceStub(channel).Connect()
                await call.write(channel_pb2.ConnectRequest(hello=hello))
                await call.read()
                calls.append(call)
            ending = asyncio.create_task(asyncio.to_thread(core.process.terminate, 30))
            closings = await asyncio.gather(*map(closing_of, calls))
            assert await ending == 0
    codes = {closing.code for closing in closings}
    assert codes == {common_pb2.ERROR_CODE_DRAINING}
    seconds = sorted(closing.retry_after.ToTimedelta().total_seconds() for closing in closings)
    assert len(set(seconds)) == SESSIONS
    assert seconds[-1] < 1.0
