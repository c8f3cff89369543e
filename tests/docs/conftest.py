"""One installation for all pages."""

from collections.abc import Generator

import pytest

from tests.processes import Installation, up


@pytest.fixture(scope="session")
def installation(one_loop: None) -> Generator[Installation]:
    """Give a running `blackroad up`."""
    del one_loop
    with up() as started:
        yield started
