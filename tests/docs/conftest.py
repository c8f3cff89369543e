"""One installation for all pages."""

from collections.abc import AsyncGenerator, Generator

import pytest

from tests.processes import Installation, up


@pytest.fixture(scope="session")
async def one_loop(anyio_backend: str) -> AsyncGenerator[None]:
    """Keep one event loop for all tests: a channel of grpc.aio outlives its test by a moment."""
    del anyio_backend  # asked for so that a test that is not async may be the first
    yield  # noqa: PT022 - a fixture that has not ended keeps the loop


@pytest.fixture(scope="session")
def installation(one_loop: None) -> Generator[Installation]:
    """Give a running `blackroad up`."""
    del one_loop
    with up() as started:
        yield started
