"""Which model a name means."""

import logging
from collections.abc import Mapping

import pytest

from blackroad.agents.models.echo import EchoModel
from blackroad.agents.models.registry import ModelRegistry, default_model
from blackroad.agents.models.text_model import Provider, TextModel
from blackroad.agents.settings import ModelsSettings
from blackroad.client import AnswerFailed
from tests.agents.models.peer import Peer, Reply


class Listing:
    """A provider that lists what it is told to, and whose models all are echoes."""

    def __init__(self, *names: str) -> None:
        self._names = list(names)

    def model(self, name: str) -> TextModel:
        assert name
        return EchoModel(0)

    async def models(self) -> list[str] | None:
        return self._names or None

    async def close(self) -> None:
        """Have nothing to close."""


def ollama(*names: str) -> Mapping[str, Provider]:
    return {"ollama": Listing(*names)}


def test_the_echo_is_found() -> None:
    assert isinstance(ModelRegistry(ModelsSettings()).find("builtin/echo"), EchoModel)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("builtin/none", "model_not_found"),
        ("nobody/x", "model_not_found"),
        ("llama3.2:3b", "model_not_found"),
        ("ollama/", "model_not_found"),
        ("anthropic/claude", "model_unavailable"),
    ],
)
def test_a_model_that_cannot_answer_says_so(
    name: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("API_KEY", "AUTH_TOKEN", "PROFILE"):
        monkeypatch.delenv(f"ANTHROPIC_{variable}", raising=False)
    with pytest.raises(AnswerFailed) as raised:
        ModelRegistry(ModelsSettings()).find(name)
    assert raised.value.code == code
    assert code == "model_not_found" or "ANTHROPIC_API_KEY" in raised.value.message


def test_the_allow_list_is_patterns_and_never_stops_the_echo() -> None:
    found = ModelRegistry(ModelsSettings(allow=["ollama/llama*"]), ollama())
    found.find("ollama/llama3.2:3b")
    found.find("builtin/echo")
    with pytest.raises(AnswerFailed, match="not allowed"):
        found.find("ollama/other")


@pytest.mark.parametrize(
    ("listed", "allow", "expected"),
    [
        (["llama3.2:3b", "x"], "*", "ollama/llama3.2:3b"),
        (["x"], "*", "builtin/echo"),
        ([], "*", "builtin/echo"),
        (["llama3.2:3b"], "builtin/*", "builtin/echo"),
    ],
)
async def test_the_default_is_what_ollama_lists_and_is_allowed_else_the_echo(
    listed: list[str], allow: str, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ModelsSettings(allow=[allow])
    with caplog.at_level(logging.INFO, "blackroad.agents"):
        assert await default_model(settings, ModelRegistry(settings, ollama(*listed))) == expected
    assert f"the default model is {expected}" in caplog.text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("builtin/echo", "builtin/echo"),
        ("qwen3:8b", "ollama/qwen3:8b"),
        ("hf.co/someone/model", "ollama/hf.co/someone/model"),
        ("anthropic/claude", "anthropic/claude"),
    ],
)
async def test_a_default_that_is_set_is_taken(given: str, expected: str) -> None:
    settings = ModelsSettings(default=given)
    assert await default_model(settings, ModelRegistry(settings)) == expected


async def test_ollama_is_asked_where_its_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer(Reply.json({"models": [{"name": "a", "model": "a"}]})) as peer:
        monkeypatch.setenv("OLLAMA_HOST", peer.address)
        registry = ModelRegistry(ModelsSettings())
        assert await registry.providers["ollama"].models() == ["a"]
        await registry.close()
    registry = ModelRegistry(ModelsSettings())
    assert await registry.providers["ollama"].models() is None
    await registry.close()


@pytest.mark.parametrize("body", [b"[]", b"nonsense", b'{"models": 5}'])
async def test_what_is_no_ollama_is_none(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Peer(Reply([body], content_type="application/json")) as peer:
        monkeypatch.setenv("OLLAMA_HOST", peer.address)
        registry = ModelRegistry(ModelsSettings())
        assert await registry.providers["ollama"].models() is None
        await registry.close()
