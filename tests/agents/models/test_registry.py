"""Which model a name means."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from blackroad.agents.models.echo import EchoModel
from blackroad.agents.models.registry import ModelRegistry, default_model
from blackroad.agents.settings import ModelsSettings
from blackroad.client import AnswerFailed


@asynccontextmanager
async def ollama(*models: str) -> AsyncGenerator[str]:
    """Serve the list of models over HTTP, as Ollama does."""
    body = json.dumps({"models": [{"name": name} for name in models]}).encode()
    head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"{host}:{port}"


def registry(settings: ModelsSettings) -> ModelRegistry:
    """Return a registry that also has a provider called ollama."""
    return ModelRegistry(settings, {"ollama": lambda _: EchoModel(0)})


def test_the_echo_is_found() -> None:
    assert isinstance(ModelRegistry(ModelsSettings()).find("builtin/echo"), EchoModel)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("builtin/none", "model_not_found"),
        ("nobody/x", "model_not_found"),
        ("llama3.2:3b", "model_not_found"),
        ("ollama/llama3.2:3b", "model_unavailable"),
        ("anthropic/claude", "model_unavailable"),
    ],
)
def test_a_model_that_cannot_answer_says_so(name: str, code: str) -> None:
    with pytest.raises(AnswerFailed, match=name.partition("/")[0]) as raised:
        ModelRegistry(ModelsSettings()).find(name)
    assert raised.value.code == code


def test_the_allow_list_is_patterns_and_never_stops_the_echo() -> None:
    found = registry(ModelsSettings(allow=["ollama/llama*"]))
    found.find("ollama/llama3.2:3b")
    found.find("builtin/echo")
    with pytest.raises(AnswerFailed, match="not allowed"):
        found.find("ollama/other")
    assert found.served == ["ollama/*"]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [(["llama3.2:3b", "x"], "ollama/llama3.2:3b"), (["x"], "builtin/echo"), ([], "builtin/echo")],
)
async def test_the_default_is_what_ollama_lists_else_the_echo(
    listed: list[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ModelsSettings()
    async with ollama(*listed) as host:
        monkeypatch.setenv("OLLAMA_HOST", host)
        assert await default_model(settings, registry(settings)) == expected


async def test_without_ollama_the_default_is_the_echo(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with ollama() as host:
        pass
    monkeypatch.setenv("OLLAMA_HOST", host)
    settings = ModelsSettings()
    with caplog.at_level("INFO", "blackroad.agents"):
        assert await default_model(settings, registry(settings)) == "builtin/echo"
    assert "the default model is builtin/echo" in caplog.text


@pytest.mark.parametrize(
    ("given", "expected"), [("builtin/echo", "builtin/echo"), ("qwen3:8b", "ollama/qwen3:8b")]
)
async def test_a_default_that_is_set_is_taken(given: str, expected: str) -> None:
    settings = ModelsSettings(default=given)
    assert await default_model(settings, ModelRegistry(settings)) == expected
