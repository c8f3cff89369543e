"""Answers across two cores: asked at one, worked on at the other, seen and stopped from both."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest
from grpc.aio import Channel

from blackroad.client import AnswerFailed, Call, Client, InputRequired, Snapshot, Text
from blackroad.client.job import Answerer
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2, stream_pb2_grpc
from tests.conformance.grpc_door import GrpcDoor, dialled
from tests.conformance.records import text_of
from tests.conformance.websocket_door import WebSocketDoor
from tests.journeys.fleets import fleet_of_three, until
from tests.journeys.serving import fresh, serving


async def words(call: Call) -> AsyncGenerator[str]:
    """Say back what was asked, word by word."""
    for word in call.text.split():
        yield f"{word} "


async def endless(call: Call) -> AsyncGenerator[str]:
    """Say something until cancelled."""
    del call
    while True:
        yield "on "
        await asyncio.sleep(0.01)


@asynccontextmanager
async def known(
    at: str, among: Sequence[str], name: str, answerer: Answerer
) -> AsyncGenerator[None]:
    """Serve an agent at one core, once all these know it."""
    async with serving(at, name, answerer):
        for core in among:
            async with dialled(core) as channel:
                await until(partial(is_target, channel, name))
        yield


async def is_target(channel: Channel, name: str) -> bool:
    """Tell whether a core knows an agent."""
    streams = stream_pb2_grpc.StreamServiceStub(channel)
    listed = await streams.ListTargets(stream_pb2.ListTargetsRequest(page_size=500))
    return name in [target.agent for target in listed.targets]


async def test_a_browser_of_one_core_asks_an_agent_of_another(
    cores: tuple[str, str], edges: tuple[str, str]
) -> None:
    name = fresh("agent")
    async with (
        known(cores[1], cores, name, words),
        WebSocketDoor(edges[0]).session() as browser,
    ):
        view = await browser.invoke(name, "one two three")
        assert text_of(await view.rest()).split() == ["one", "two", "three"]


async def test_whoever_comes_late_at_any_core_sees_the_whole_and_may_cancel(
    cores: tuple[str, str],
) -> None:
    name = fresh("agent")
    async with (
        known(cores[1], cores, name, endless),
        Client(f"grpc://{cores[0]}") as here,
        Client(f"grpc://{cores[1]}") as there,
    ):
        held = there.invoke(name, "go")
        stream_id = await held.started()
        async with here.join(stream_id) as seen:
            assert isinstance(await anext(seen), Snapshot)
            said = await anext(seen)
            assert isinstance(said, Text)
        async with dialled(cores[0]) as channel:
            streams = stream_pb2_grpc.StreamServiceStub(channel)
            listed = await streams.ListStreams(stream_pb2.ListStreamsRequest(own=True))
            assert stream_id in [one.snapshot.stream_id for one in listed.answers]
        await here.join(stream_id).cancel()
        assert (await held.text()).startswith("on on")
        async with dialled(cores[0]) as channel:
            found = await stream_pb2_grpc.StreamServiceStub(channel).GetStream(
                stream_pb2.GetStreamRequest(stream_id=stream_id)
            )
            assert found.answer.snapshot.state == event_pb2.ANSWER_STATE_CANCELLED


async def test_an_agent_of_another_core_gets_the_input_that_it_asked_for(
    cores: tuple[str, str],
) -> None:
    async def asking(call: Call) -> AsyncGenerator[str]:
        yield str(await call.ask("sure?"))

    name = fresh("agent")
    async with known(cores[1], cores, name, asking), Client(f"grpc://{cores[0]}") as client:
        answer = client.invoke(name, "?")
        async for said in answer:
            if isinstance(said, InputRequired):
                await answer.reply("yes")
                break
        assert await answer.text() == "yes"


async def test_an_agent_answers_in_its_room_whichever_core_took_the_message(
    cores: tuple[str, str],
) -> None:
    name = fresh("agent")
    async with (
        known(cores[1], cores, name, words),
        GrpcDoor(cores[0]).session() as here,
    ):
        await here.subscribe(f"agents:{name}")
        await here.publish(f"agents:{name}", "say this")
        said = [(await here.inbox.said()).content for _ in range(2)]
        assert [str(text).split() for text in said] == [["say", "this"]] * 2


async def half(call: Call) -> AsyncGenerator[str]:
    """Say something, then hang."""
    del call
    yield "half "
    await asyncio.Event().wait()


@pytest.mark.slow
async def test_what_the_agents_of_a_killed_core_had_begun_fails_once_for_every_viewer() -> None:
    with fleet_of_three() as cores:
        addresses = [core.addresses["grpc"] for core in cores]
        name = fresh("agent")
        async with (
            known(addresses[0], addresses, name, half),
            Client(f"grpc://{addresses[1]}") as client,
            Client(f"grpc://{addresses[2]}") as viewer,
        ):
            answer = client.invoke(name, "go")
            stream_id = await answer.started()
            late = viewer.join(stream_id)
            assert await anext(late) is not None
            cores[0].process.kill()
            for one in (answer, late):
                with pytest.raises(AnswerFailed) as failed:
                    async with asyncio.timeout(20):
                        await one.text()
                assert failed.value.code == "agent_lost"


@pytest.mark.slow
async def test_what_the_agents_of_a_killed_core_had_not_begun_goes_to_others() -> None:
    async def silent(call: Call) -> AsyncGenerator[str]:
        await asyncio.Event().wait()
        yield call.text

    with fleet_of_three() as cores:
        addresses = [core.addresses["grpc"] for core in cores]
        name = fresh("agent")
        async with (
            known(addresses[0], addresses, name, silent),
            Client(f"grpc://{addresses[1]}") as client,
        ):
            answer = client.invoke(name, "here again")
            await answer.started()
            async with known(addresses[2], addresses[1:], name, words):
                cores[0].process.kill()
                async with asyncio.timeout(20):
                    assert (await answer.text()).split() == ["here", "again"]


@pytest.mark.slow
async def test_who_waits_for_a_node_that_stands_still_holds_up_nobody_of_the_session() -> None:
    with fleet_of_three() as cores:
        stopped = cores[2].process
        async with dialled(cores[0].addresses["grpc"]) as channel:
            opened = stream_pb2_grpc.StreamServiceStub(channel).Open()
            stopped.signal(signal.SIGSTOP)
            try:
                join = stream_pb2.JoinAnswer(stream_id="st_unknown")  # every node is asked for it
                start = stream_pb2.Invoke(target=stream_pb2.Target(agent=fresh("agent")), text="hi")
                await opened.write(stream_pb2.OpenRequest(request_id="waits", join=join))
                await opened.write(stream_pb2.OpenRequest(request_id="goes", start=start))
                told: list[tuple[str, str]] = []
                async with asyncio.timeout(60):
                    while len(told) < 2:
                        frame = await opened.read()
                        assert isinstance(frame, stream_pb2.OpenResponse)
                        if frame.HasField("rejected"):
                            code = common_pb2.ErrorCode.Name(frame.rejected.code)
                            told.append((frame.request_id, code))
            finally:
                stopped.signal(signal.SIGCONT)
        assert told == [("goes", "ERROR_CODE_NO_AGENT"), ("waits", "ERROR_CODE_NOT_FOUND")]
