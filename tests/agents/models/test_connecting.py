"""A provider that takes no connection is not waited for longer than the setting says."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import ExitStack, suppress

import pytest

from blackroad.agents.models.registry import ModelRegistry
from blackroad.agents.settings import ModelsSettings
from blackroad.client import AnswerFailed
from tests.agents.models.asking import ask

CONNECT_SECONDS = 0.5


@pytest.fixture
def full() -> Generator[str]:
    """Give an address that listens, and whose queue is full: whoever connects waits."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("model", ["ollama/m", "anthropic/m"])
async def test_a_provider_that_takes_no_connection_is_unavailable(
    full: str, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", full)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://{full}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-none")
    registry = ModelRegistry(ModelsSettings(connect_seconds=CONNECT_SECONDS))
    async with asyncio.timeout(30):  # the first word would be waited for for 180
        with pytest.raises(AnswerFailed) as raised:
            await ask(registry.find(model))
    assert (raised.value.code, raised.value.retryable) == ("model_unavailable", True)
    assert "does not answer now" in raised.value.message
    await registry.close()
