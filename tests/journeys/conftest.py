"""A whole installation in real processes, for the journeys that leave it as they found it."""

from collections.abc import Generator
from uuid import uuid4

import pytest

from tests.processes import Installation, up


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
