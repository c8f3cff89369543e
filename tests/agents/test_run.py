"""What agents make of a provider's answer: persona, limits, sizes, cost, and the time added."""

import asyncio
import statistics
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from blackroad.agents.models.ollama.client import OllamaClient
from blackroad.agents.settings import AgentsSettings, ModelsSettings
from blackroad.client import (
    AnswerFailed,
    Client,
    Finished,
    JSONValue,
    Message,
    Options,
    Text,
    Usage,
)
from tests.agents.hosting import hosted
from tests.agents.models.peer import Peer, Reply

LISTED = Reply.json({"models": []})


def said(text: str) -> JSONValue:
    return {"response": text, "done": False}


DONE: JSONValue = {"response": "", "done": True, "prompt_eval_count": 5, "eval_count": 2}


class Asked:
    """A client of a host whose Ollama is a peer."""

    def __init__(self, client: Client, peer: Peer) -> None:
        self.client = client
        self.peer = peer


@asynccontextmanager
async def asked(
    core: str, monkeypatch: pytest.MonkeyPatch, *replies: Reply, agents: Path | None = None
) -> AsyncGenerator[Asked]:
    # Looking for Ollama at the start takes the first reply; it is not looked for again.
    async with Peer(LISTED, *replies) as peer:
        monkeypatch.setenv("OLLAMA_HOST", peer.address)
        models = ModelsSettings(default="ollama/m", retry_seconds=1000)
        settings = AgentsSettings(core=core, models=models, agents=agents)
        async with asyncio.timeout(30), hosted(settings) as client:
            peer.heard.clear()
            yield Asked(client, peer)


async def test_an_agent_is_its_persona(core: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asked(core, monkeypatch, Reply.lines(said("hi"), DONE)) as here:
        for name in ("LUCIDIA", "ALICE", "OCTAVIA", "PRISM"):
            assert await here.client.invoke(name, "who?").text() == "hi"
            body = here.peer.heard[-1].body
            assert f"You are {name}" in str(body["system"])
            assert (body["model"], body["prompt"]) == ("m", "who?")
        turns = [Message.of("system", "be brief"), Message.of("user", "who?")]
        await here.client.invoke("LUCIDIA", turns).text()
        assert str(here.peer.heard[-1].body["system"]).endswith("be brief")
        heard = len(here.peer.heard)
        assert await here.client.invoke("ECHO", "who?").text() == "who?"
        assert len(here.peer.heard) == heard, "ECHO never asks a model"


async def test_an_agents_own_model_concurrency_and_name_are_the_files(
    core: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "agents.toml"
    path.write_text('[agents.ME]\nmodel = "x:1b"\ncapabilities = ["c"]\nmax_concurrency = 3\n')
    replies = Reply.lines(said("hi"), DONE)
    async with asked(core, monkeypatch, replies, agents=path) as here:
        assert await here.client.invoke(capability="c", prompt="a").text() == "hi"
        assert here.peer.heard[-1].body["model"] == "x:1b"
        assert "system" not in here.peer.heard[-1].body
        (me,) = await here.client.presence("agent")
        assert me.sessions[0].max_concurrency == 3


async def test_the_callers_time_ends_it_by_length_and_hangs_up(
    core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Reply.lines(said("a"), said("b"), ending="hang")
    async with asked(core, monkeypatch, slow) as here:
        parts = [
            part
            async for part in here.client.invoke(
                "LUCIDIA", "hi", options=Options(max_time_seconds=0.3)
            )
        ]
        assert [part for part in parts if isinstance(part, Text)] == [Text("a"), Text("b")]
        assert isinstance(parts[-1], Finished)
        assert (parts[-1].reason, parts[-1].usage) == ("length", Usage(0, 2))
        await here.peer.wait_for_hang_up()


async def test_a_deadline_fails_it_with_its_cost_and_hangs_up(
    core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Reply.lines(said("a"), said("b"), ending="hang")
    async with asked(core, monkeypatch, slow) as here:
        with pytest.raises(AnswerFailed) as raised:
            await here.client.invoke("LUCIDIA", "hi", deadline_seconds=0.3).text()
        assert raised.value.code == "deadline_exceeded"
        await here.peer.wait_for_hang_up()


async def test_a_failure_in_the_middle_says_what_it_cost(
    core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asked(core, monkeypatch, Reply.lines(said("a"), said("b"), ending="cut")) as here:
        with pytest.raises(AnswerFailed) as raised:
            await here.client.invoke("LUCIDIA", "hi").text()
        assert (raised.value.code, raised.value.usage) == ("model_unavailable", Usage(0, 2))


async def test_a_long_piece_comes_whole(core: str, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "\U0001f600ab" * 40_000
    async with asked(core, monkeypatch, Reply.lines(said(long), DONE)) as here:
        assert await here.client.invoke("LUCIDIA", "hi").text() == long


async def test_the_first_token_is_added_less_than_100_ms(
    core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a direct call of the SDK, by the median of twenty."""
    async with asked(core, monkeypatch, Reply.lines(said("a"), DONE)) as here:
        sdk = OllamaClient()
        time = asyncio.get_running_loop().time
        direct: list[float] = []
        through: list[float] = []
        for _ in range(20):
            begin = time()
            stream = await sdk.generate("m", "hi", stream=True)
            await anext(stream)
            direct.append(time() - begin)
            assert [piece async for piece in stream]
            begin = time()
            answer = here.client.invoke(model="ollama/m", prompt="hi")
            while not isinstance(await anext(answer), Text):
                pass
            through.append(time() - begin)
            assert [part async for part in answer]
        await sdk.hang_up()
        added = statistics.median(through) - statistics.median(direct)
        print(f"first token: {1000 * added:.1f} ms added")
        assert added < 0.1
