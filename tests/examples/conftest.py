"""A real core, which the examples reach as their users would: by BLACKROAD_URL."""

from collections.abc import AsyncGenerator

import pytest

from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings


@pytest.fixture(scope="session", autouse=True)
async def one_loop(anyio_backend: str) -> AsyncGenerator[None]:
    """Keep one event loop for all tests.

    grpc.aio has one poller for the process: what still comes for the calls of a closed loop raises
    in the loop of a later test, and takes that one's events with it.
    """
    yield  # noqa: PT022 - a fixture that has not ended keeps the loop


@pytest.fixture
async def core() -> AsyncGenerator[str]:
    """Give the address of a core in development mode."""
    settings = CoreSettings(grpc="127.0.0.1:0", drain_seconds=1)
    async with CoreServer(settings).open() as addresses:
        yield f"grpc://{addresses['grpc']}"
