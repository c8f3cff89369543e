"""A whole installation in real processes, for the journeys that leave it as they found it."""

from collections.abc import Generator
from uuid import uuid4

import pytest

from tests.journeys.fleets import fleet
from tests.processes import Installation, part, up


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


@pytest.fixture(scope="session")
def cores(one_loop: None) -> Generator[tuple[str, str]]:
    """Give two cores on one server, for whoever takes names of their own and ends neither."""
    del one_loop
    with fleet() as addresses:
        yield addresses


@pytest.fixture(scope="session")
def edges(cores: tuple[str, str]) -> Generator[tuple[str, str]]:
    """Give an edge of each of these cores."""
    with (
        part("edge", HTTP="127.0.0.1:0", CORE=cores[0]) as one,
        part("edge", HTTP="127.0.0.1:0", CORE=cores[1]) as other,
    ):
        yield one.addresses["http"], other.addresses["http"]
