"""A whole installation in real processes, for the journeys that leave it as they found it."""

from collections.abc import AsyncGenerator, Generator
from uuid import uuid4

import pytest

from tests.processes import Installation, up


@pytest.fixture(scope="session")
async def one_loop(anyio_backend: str) -> AsyncGenerator[None]:
    """Keep one event loop for all tests: a channel of grpc.aio outlives its test by a moment."""
    del anyio_backend  # asked for so that a test that is not async may be the first
    yield  # noqa: PT022 - a fixture that has not ended keeps the loop


@pytest.fixture(scope="session")
def installation(one_loop: None) -> Generator[Installation]:
    """Give what `blackroad up` started."""
    del one_loop
    with up(LIMITS__USER__MESSAGES_PER_SECOND="100000") as started:
        yield started
        assert started.process.terminate() == 0


@pytest.fixture
def room(one_loop: None) -> str:
    """Give a room that nobody has used."""
    del one_loop
    return f"journeys.{uuid4().hex[:12]}"
