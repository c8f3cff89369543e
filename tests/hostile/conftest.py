"""An installation to attack, in processes of its own, and a neighbour who must not notice."""

from collections.abc import AsyncGenerator, Generator

import pytest

from tests.hostile.target import Target, attacked


@pytest.fixture(scope="session")
async def one_loop(anyio_backend: str) -> AsyncGenerator[None]:
    """Keep one event loop for all tests: a channel of grpc.aio outlives its test by a moment."""
    del anyio_backend
    yield  # noqa: PT022 - a fixture that has not ended keeps the loop


@pytest.fixture(scope="session")
def target() -> Generator[Target]:
    """Run a core and an edge; both must still run and drain in the end."""
    with attacked() as target:
        yield target
        target.check_alive()
