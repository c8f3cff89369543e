"""One installation for all pages."""

from collections.abc import Generator

import pytest

from tests.processes import Installation, up


@pytest.fixture(scope="session")
def installation() -> Generator[Installation]:
    """Give a running `blackroad up`."""
    with up() as started:
        yield started
