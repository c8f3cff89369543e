"""One event loop for a module's tests, so that what gRPC says after a test has ended is heard.

grpc.aio has one poller for a process and gives each of its events to the loop that made the call;
where that loop is closed by then, the next test is told instead.
"""

import asyncio
from collections.abc import AsyncGenerator

import pytest

LAST_WORDS_SECONDS = 0.05


@pytest.fixture(scope="module")
async def one_loop(anyio_backend: str) -> AsyncGenerator[None]:
    """Keep the loop of this backend while the tests of a module that asks for it run."""
    yield
    await asyncio.sleep(LAST_WORDS_SECONDS)
