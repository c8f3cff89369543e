"""A real core in the test's own loop, and a cable to it that can be cut."""

from collections.abc import AsyncGenerator

import pytest

from blackroad.client import Client
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from tests.client.cable import Cable


@pytest.fixture(autouse=True)
def keep_loop(one_loop: None) -> None:
    """Run every test here on the one loop."""
    del one_loop


@pytest.fixture
async def core() -> AsyncGenerator[str]:
    """Give the address of a core in development mode."""
    settings = CoreSettings(grpc="127.0.0.1:0", drain_seconds=1)
    async with CoreServer(settings).open() as addresses:
        yield f"grpc://{addresses['grpc']}"


@pytest.fixture
async def client(core: str) -> AsyncGenerator[Client]:
    """Give a client of that core."""
    async with Client(core, timeout_seconds=10) as made:
        yield made


@pytest.fixture
async def cable(core: str) -> AsyncGenerator[Cable]:
    """Give a way to that core that can be cut."""
    async with Cable.laid(core.removeprefix("grpc://")) as laid:
        yield laid
