"""Which models a host serves, as providers come, change and go."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from blackroad.agents.settings import AgentsSettings, ModelsSettings
from blackroad.client import AnswerFailed, Client, RealtimeError
from tests.agents.hosting import hosted
from tests.agents.models.peer import Peer, Reply

OFTEN = ModelsSettings(retry_seconds=0.05, default="builtin/echo")


class Ollama:
    """Lists models and says which one it was asked for; its port is there before it is."""

    def __init__(self, port: int, *models: str) -> None:
        self.port = port
        self.models = models

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        server = await asyncio.start_server(self._served, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = b""
        if head.startswith("POST"):
            size = int(head.lower().partition("content-length: ")[2].split()[0])
            asked = json.loads(await reader.readexactly(size))
            body = _line({"response": asked["model"]}) + _line({"response": "", "done": True})
        else:
            body = _line({"models": [{"name": name, "model": name} for name in self.models]})
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n" % len(body))
        writer.write(b"connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


async def free_port() -> int:
    async with Peer(Reply()) as peer:
        return int(peer.address.partition(":")[2])


async def outcome(client: Client, model: str) -> str:
    """Return what a model says, or the code of its failure."""
    try:
        return await client.invoke(model=model, prompt="hi").text()
    except RealtimeError as error:
        return error.code


async def becomes(client: Client, model: str, expected: str) -> None:
    """Ask a model until it says so."""
    async with asyncio.timeout(10):
        while await outcome(client, model) != expected:  # noqa: ASYNC110 - nobody else tells
            await asyncio.sleep(0.05)


async def test_an_ollama_that_comes_later_is_found_changes_and_goes(
    core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama = Ollama(await free_port(), "a:1b")
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{ollama.port}")
    async with asyncio.timeout(40), hosted(AgentsSettings(core=core, models=OFTEN)) as client:
        with pytest.raises(RealtimeError, match="OLLAMA_HOST") as raised:
            await client.invoke(model="ollama/a:1b", prompt="hi").text()
        assert raised.value.code == "model_unavailable"
        async with ollama.running():
            await becomes(client, "ollama/a:1b", "a:1b")
            assert await outcome(client, "a:1b") == "a:1b", "a bare name finds its provider"
            assert await outcome(client, "ollama/b") == "b", "it may have more than it lists"
            ollama.models = ("a:1b", "b:2b")
            await becomes(client, "b:2b", "b:2b")
        await becomes(client, "ollama/a:1b", "model_unavailable")
        assert await outcome(client, "builtin/echo") == "hi"


async def test_a_bare_name_goes_to_the_provider_that_lists_it(
    core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama = Ollama(await free_port(), "a:1b")
    listed = Reply.json({"data": [{"id": "claude", "type": "model"}], "has_more": False})
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{ollama.port}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    answer = Reply.json({"error": {"type": "overloaded_error"}}, 529)
    async with ollama.running(), Peer(listed, answer) as anthropic:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://{anthropic.address}")
        settings = AgentsSettings(core=core, models=OFTEN)
        async with asyncio.timeout(40), hosted(settings) as client:
            await becomes(client, "claude", "model_overloaded")
            assert await outcome(client, "other") == "other", "Ollama takes any other name"


@pytest.mark.parametrize(
    ("model", "code", "text"),
    [
        ("anthropic/claude", "model_unavailable", "ANTHROPIC_API_KEY"),
        ("ollama/x", "model_unavailable", "OLLAMA_HOST"),
        ("nobody/x", "model_not_found", "nobody/x"),
        ("builtin/x", "model_not_found", "builtin/x"),
    ],
)
async def test_what_is_not_served_says_what_to_do(
    core: str, model: str, code: str, text: str
) -> None:
    async with asyncio.timeout(20), hosted(AgentsSettings(core=core, models=OFTEN)) as client:
        with pytest.raises(RealtimeError, match=text) as raised:
            await client.invoke(model=model, prompt="hi").text()
    assert raised.value.code == code


async def test_a_model_that_is_not_allowed_is_not_found(
    core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama = Ollama(await free_port(), "a:1b", "b:2b", "a" * 200, "a\n")
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{ollama.port}")
    models = OFTEN.model_copy(update={"allow": ["ollama/a*"]})
    async with ollama.running(), hosted(AgentsSettings(core=core, models=models)) as client:
        async with asyncio.timeout(20):
            assert await outcome(client, "ollama/a:1b") == "a:1b"
            assert await outcome(client, "ECHO") == "hi"
            assert await outcome(client, "ollama/b:2b") == "model_not_found"
            with pytest.raises((AnswerFailed, RealtimeError)):
                await client.invoke(model="builtin/echo", prompt="hi").text()
