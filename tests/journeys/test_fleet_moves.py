"""Answers whose core goes: their workers take them along, and whoever asks later finds them."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from blackroad.client import Agent, Call, Client, Snapshot, Text
from blackroad.client.job import Answerer
from blackroad.core.log.redis.embedded import server_binary, socket_in
from blackroad.core.log.redis.writer import APPEND_SECONDS
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.records import record_name
from blackroad.realtime.v1 import event_pb2, stream_pb2, stream_pb2_grpc
from tests.client.cable import Cable
from tests.conformance.grpc_door import dialled
from tests.journeys.fleets import until
from tests.journeys.serving import fresh
from tests.journeys.test_fleet import nodes
from tests.journeys.test_fleet_answers import is_target, known, words
from tests.processes import Part, part
from tests.servers import Server, ask, free_port

pytestmark = [pytest.mark.usefixtures("one_loop"), pytest.mark.timeout(240)]


@contextmanager
def three() -> Generator[tuple[Server, list[Part]]]:
    """Run three cores on one server."""
    server = Server(server_binary())
    log = f"redis://127.0.0.1:{server.port}"
    try:
        with ExitStack() as parts:
            started = [part("core", GRPC="127.0.0.1:0", LOG=log) for _ in range(3)]
            yield server, [parts.enter_context(one) for one in started]
    finally:
        server.end()


async def is_recorded(server: str, stream_id: str) -> bool:
    """Tell whether the server at a unix socket has an answer's record.

    It is made when the answer is half a second old, and when it has ended.
    """
    name = record_name(f"default.stream.{stream_id}")
    return name in await asyncio.to_thread(ask, server, "KEYS", f"*history:*{name}")


async def has_lost(core: str) -> bool:
    """Tell whether a core knows of two cores only."""
    return len(await nodes(core)) == 2


async def has_come_back(core: str) -> bool:
    """Tell whether a core knows of all three again."""
    return len(await nodes(core)) == 3


class Speaker:
    """Says something, and the rest when it is told to, with a pause after each word."""

    def __init__(self, pause_seconds: float = 0.0) -> None:
        self.more = asyncio.Event()
        self.pause_seconds = pause_seconds
        self.runs = 0

    async def __call__(self, call: Call) -> AsyncGenerator[str]:
        del call
        self.runs += 1
        for number in range(50):
            yield f"{number} "
        await self.more.wait()
        for number in range(50, 100):
            yield f"{number} "
            await asyncio.sleep(self.pause_seconds)


STILL_SECONDS = 1.5 * APPEND_SECONDS
GRACE_SECONDS = StreamLimits().grace_seconds
WHOLE = "".join(f"{number} " for number in range(100))


@asynccontextmanager
async def moving(url: str, among: list[str], name: str, answerer: Answerer) -> AsyncGenerator[None]:
    """Serve an agent at the first of several cores that is there, once all these know it."""
    agent = Agent(name)
    agent.answer(answerer)
    async with Client(url) as client, asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(agent.serve(client=client))
        for core in among:
            async with dialled(core) as channel:
                await until(partial(is_target, channel, name), 30)
        yield
        serving.cancel()


async def half(client: Client, stream_id: str) -> None:
    """Return when a core has what is said before the rest."""
    async with client.join(stream_id) as seen:
        text = ""
        async for said in seen:
            if isinstance(said, Snapshot):
                text = said.text
            elif isinstance(said, Text):
                text += said.text
            if text.endswith("49 "):
                return


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [True, False])
async def test_an_agent_that_loses_its_core_finishes_its_answer_at_another(
    elsewhere: bool,
) -> None:
    """The caller is at another core, which follows the answer; or nobody but that core knew it."""
    speaker, name = Speaker(), fresh("agent")
    with three() as (server, cores):
        addresses = [core.addresses["grpc"] for core in cores]
        both = f"grpc://{addresses[0]},{addresses[1]}"
        async with (
            moving(both, addresses, name, speaker),
            Client(f"grpc://{addresses[2]}" if elsewhere else both) as client,
            asyncio.timeout(90),
        ):
            answer = client.invoke(name, "go")
            stream_id = await answer.started()
            await half(client, stream_id)
            await until(partial(is_recorded, server.socket, stream_id))
            cores[0].process.kill()
            if elsewhere:  # until the core is lost and the time is over in which agents come back
                await until(partial(has_lost, addresses[1]), 60)
                await asyncio.sleep(GRACE_SECONDS + 2)
            speaker.more.set()
            assert await answer.text() == WHOLE
            assert speaker.runs == 1


async def test_an_agent_that_moves_on_takes_its_answer_from_a_core_that_lives(
    cores: tuple[str, str],
) -> None:
    speaker, name = Speaker(), fresh("agent")
    async with (
        Cable.laid(cores[0]) as cable,
        moving(f"{cable.url},{cores[1]}", list(cores), name, speaker),
        Client(f"grpc://{cores[0]}") as one,
        Client(f"grpc://{cores[1]}") as other,
        asyncio.timeout(40),
    ):
        answer = one.invoke(name, "go")
        stream_id = await answer.started()
        late = other.join(stream_id)
        await half(other, stream_id)
        cable.broken = True
        cable.cut()
        speaker.more.set()
        assert await answer.text() == WHOLE
        assert await late.text() == WHOLE
        assert speaker.runs == 1


async def shown(client: Client, stream_id: str, end: str) -> None:
    """Return when a core has an answer that ends so."""
    async for said in client.join(stream_id):
        if isinstance(said, Snapshot | Text) and said.text.endswith(end):
            return


@pytest.mark.parametrize("said", [True, False])
async def test_the_cancel_of_an_answer_that_moved_reaches_what_was_made_for_it_before(
    cores: tuple[str, str], said: bool
) -> None:
    """It is taken along, or where it had said nothing given anew: then it asks for help again."""
    helper, name = fresh("agent"), fresh("agent")
    begun, moved, stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def help_it(call: Call) -> AsyncGenerator[str]:
        yield "so far"
        try:
            await asyncio.Event().wait()
        finally:
            if call.cancelled:
                stopped.set()

    async def ask_for_help(call: Call) -> AsyncGenerator[str]:
        await call.invoke(helper, "go").started()
        if said:
            yield "here"
        begun.set()
        await moved.wait()
        yield "there"
        await asyncio.Event().wait()

    async with (
        moving(f"grpc://{cores[0]}", list(cores), helper, help_it),
        Cable.laid(cores[0]) as cable,
        moving(f"{cable.url},{cores[1]}", list(cores), name, ask_for_help),
        Client(f"grpc://{cores[0]}") as one,
        Client(f"grpc://{cores[1]}") as other,
        asyncio.timeout(40),
    ):
        answer = one.invoke(name, "go")
        stream_id = await answer.started()
        await begun.wait()
        if said:
            await shown(other, stream_id, "here")
        cable.broken = True
        cable.cut()
        moved.set()
        await shown(other, stream_id, "there")
        await other.join(stream_id).cancel()
        await stopped.wait()


@pytest.mark.slow
async def test_an_answer_that_left_a_core_which_stands_still_is_cancelled_where_it_is() -> None:
    """That core goes on, and says that it has the answer: it is wrong."""
    name = fresh("agent")
    moved, stopped = asyncio.Event(), asyncio.Event()

    async def speak(call: Call) -> AsyncGenerator[str]:
        yield "here"
        await moved.wait()
        yield "there"
        try:
            await asyncio.Event().wait()
        finally:
            if call.cancelled:
                stopped.set()

    with three() as (server, cores):
        addresses = [core.addresses["grpc"] for core in cores]
        async with (
            Cable.laid(addresses[0]) as cable,
            moving(f"{cable.url},{addresses[1]}", addresses, name, speak),
            Client(f"grpc://{addresses[2]}") as client,
            asyncio.timeout(120),
        ):
            stream_id = await client.invoke(name, "go").started()
            await shown(client, stream_id, "here")
            await until(partial(is_recorded, server.socket, stream_id))
            cores[0].process.signal(signal.SIGSTOP)
            await until(partial(has_lost, addresses[2]), 60)
            cable.broken = True
            cable.cut()
            moved.set()
            await shown(client, stream_id, "there")
            cores[0].process.signal(signal.SIGCONT)
            await until(partial(has_come_back, addresses[2]), 60)
            await client.join(stream_id).cancel()
            await stopped.wait()


@pytest.mark.slow
async def test_what_an_agent_says_while_the_server_stands_still_comes_when_it_goes_on() -> None:
    """It stands still for longer than an append is tried: nothing is missing in the middle."""
    speaker, name = Speaker(STILL_SECONDS / 25), fresh("agent")
    with three() as (server, cores):
        addresses = [core.addresses["grpc"] for core in cores]
        async with (
            moving(f"grpc://{addresses[0]}", addresses, name, speaker),
            Client(f"grpc://{addresses[2]}") as client,
            asyncio.timeout(90),
        ):
            answer = client.invoke(name, "go")
            await half(client, await answer.started())
            server.process.send_signal(signal.SIGSTOP)
            speaker.more.set()
            await asyncio.sleep(STILL_SECONDS)
            server.process.send_signal(signal.SIGCONT)
            assert await answer.text() == WHOLE
            assert speaker.runs == 1


@pytest.mark.slow
async def test_an_answer_is_there_when_the_core_that_gave_it_is_gone() -> None:
    name = fresh("agent")
    with three() as (server, cores):
        addresses = [core.addresses["grpc"] for core in cores]
        async with (
            known(addresses[0], addresses[:1], name, words),
            Client(f"grpc://{addresses[0]}") as client,
        ):
            answer = client.invoke(name, "one two three")
            stream_id = await answer.started()
            assert (await answer.text()).split() == ["one", "two", "three"]
            await until(partial(is_recorded, server.socket, stream_id))
            cores[0].process.kill()
            for address in addresses[1:]:
                async with dialled(address) as channel:
                    found = await stream_pb2_grpc.StreamServiceStub(channel).GetStream(
                        stream_pb2.GetStreamRequest(stream_id=stream_id)
                    )
                shown = found.answer.snapshot
                assert shown.state == event_pb2.ANSWER_STATE_FINISHED
                assert "".join(part.text for part in shown.parts).split() == [
                    "one",
                    "two",
                    "three",
                ]
            async with Client(f"grpc://{addresses[2]}") as late:
                assert (await late.join(stream_id).text()).split() == ["one", "two", "three"]


@pytest.mark.slow
async def test_a_core_that_is_killed_and_comes_back_goes_on_with_its_answers(
    tmp_path: Path,
) -> None:
    """The log of this core alone is all that has outlived it."""
    speaker, name, grpc = Speaker(), fresh("agent"), f"127.0.0.1:{free_port()}"
    log = f"embedded:{tmp_path / 'log'}"
    async with AsyncExitStack() as stack:
        with part("core", GRPC=grpc, LOG=log) as core:
            await stack.enter_async_context(moving(f"grpc://{grpc}", [grpc], name, speaker))
            client = await stack.enter_async_context(Client(f"grpc://{grpc}"))
            answer = client.invoke(name, "go")
            stream_id = await answer.started()
            await half(client, stream_id)
            await until(partial(is_recorded, socket_in(tmp_path / "log"), stream_id))
            core.process.kill()
        with part("core", GRPC=grpc, LOG=log):
            speaker.more.set()
            async with asyncio.timeout(40):
                assert await answer.text() == WHOLE
            assert speaker.runs == 1
