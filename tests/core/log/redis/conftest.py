"""A server of each test's own."""

from collections.abc import Generator

import pytest

from blackroad.core.log.redis.embedded import server_binary
from tests.servers import Server


@pytest.fixture
def server() -> Generator[Server]:
    """Return a server that the test may stop."""
    server = Server(server_binary())
    yield server
    server.end()
