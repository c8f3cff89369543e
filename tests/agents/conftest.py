"""A real core, in the test's own loop, and no provider but those of the test."""

import os
from collections.abc import AsyncGenerator

import pytest

from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings


@pytest.fixture(autouse=True)
def keep_loop(one_loop: None) -> None:
    """Run every test here on the one loop."""
    del one_loop


@pytest.fixture(autouse=True)
def no_providers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what this machine has of Ollama and Anthropic, but from tests that are about it."""
    if request.node.get_closest_marker("real_model"):
        return
    for name in [name for name in os.environ if name.startswith(("OLLAMA_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")  # the port to discard to: nobody listens


@pytest.fixture
async def core() -> AsyncGenerator[str]:
    """Give the address of a core in development mode, as BLACKROAD_CORE spells it."""
    settings = CoreSettings(grpc="127.0.0.1:0", drain_seconds=1)
    async with CoreServer(settings).open() as addresses:
        yield addresses["grpc"]
