"""The agent host on a real core."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from blackroad.agents.host import AgentHost
from blackroad.agents.settings import AgentsSettings, ModelsSettings
from blackroad.client import AnswerFailed, Cancelled, Client, Finished, NotFound, Text, Usage
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from tests.agents.hosting import hosted
from tests.effort import examples

FIVE = {"LUCIDIA", "ALICE", "OCTAVIA", "PRISM", "ECHO"}
FAST = ModelsSettings(default="builtin/echo", echo_words_per_second=0)


@pytest.fixture
async def client(core: str) -> AsyncGenerator[Client]:
    """Give a client of a core with the five agents."""
    async with hosted(AgentsSettings(core=core, models=FAST)) as made:
        yield made


async def test_all_five_are_there_when_it_says_so(client: Client) -> None:
    async with asyncio.timeout(20):
        here = await client.presence("agent")
        assert {each.entity_id for each in here} >= FIVE
        texts = [await client.invoke(name, "a b").text() for name in sorted(FIVE)]
    assert texts == ["a b"] * 5


async def test_the_echos_usage_is_the_callers_words(client: Client) -> None:
    async with asyncio.timeout(20):
        parts = [part async for part in client.invoke("ECHO", "one two three")]
    assert parts[-1] == Finished("stop", usage=Usage(3, 3))


@settings(
    max_examples=examples(20),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
async def test_the_echo_says_exactly_what_it_is_told(client: Client, text: str) -> None:
    async with asyncio.timeout(20):
        assert await client.invoke("ECHO", text).text() == text


async def test_a_model_answers_by_its_own_name(client: Client) -> None:
    async with asyncio.timeout(20):
        assert await client.invoke(model="builtin/echo", prompt="hi there").text() == "hi there"
        with pytest.raises(NotFound) as raised:
            await client.invoke(model="nobody/x", prompt="hi").text()
    assert raised.value.code == "model_not_found"


async def test_a_cancelled_echo_says_how_many_words_it_cost(core: str) -> None:
    slow = ModelsSettings(default="builtin/echo", echo_words_per_second=20)
    async with asyncio.timeout(20), hosted(AgentsSettings(core=core, models=slow)) as client:
        answer = client.invoke("ECHO", " ".join(["word"] * 1000))
        said = 0
        while said < 3:
            said += isinstance(await anext(answer), Text)
        await answer.cancel()
        rest = [part async for part in answer]
    said += sum(isinstance(part, Text) for part in rest)
    assert rest[-1] == Cancelled(Usage(1000, said))


async def test_a_model_without_an_adapter_is_unavailable(core: str, tmp_path: Path) -> None:
    path = tmp_path / "agents.toml"
    path.write_text('[agents.ME]\nmodel = "ollama/x"\n')
    wanted = AgentsSettings(core=core, models=FAST, agents=path)
    async with asyncio.timeout(20), hosted(wanted) as client:
        with pytest.raises(AnswerFailed) as raised:
            await client.invoke("ME", "hi").text()
    assert raised.value.code == "model_unavailable"


class Said(logging.Handler):
    """Notes when something has been logged."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.heard = asyncio.Event()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self.heard.set()


async def test_a_core_that_comes_later_is_waited_for() -> None:
    async with CoreServer(CoreSettings(grpc="127.0.0.1:0")).open() as addresses:
        address = addresses["grpc"]
    host, ready = AgentHost(AgentsSettings(core=address, models=FAST)), asyncio.Event()
    said, log = Said("trying again"), logging.getLogger("blackroad.client")
    log.addHandler(said)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(host.serve(ready.set))
        await said.heard.wait()
        log.removeHandler(said)
        assert not ready.is_set()
        async with CoreServer(CoreSettings(grpc=address, drain_seconds=1)).open():
            await ready.wait()
            host.drain()
