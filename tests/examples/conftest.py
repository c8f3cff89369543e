"""A real core, which the examples reach as their users would: by BLACKROAD_URL."""

from collections.abc import AsyncGenerator

import pytest

from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings


@pytest.fixture(autouse=True)
def keep_loop(one_loop: None) -> None:
    """Run every test here on the one loop."""
    del one_loop


@pytest.fixture
async def core() -> AsyncGenerator[str]:
    """Give the address of a core in development mode."""
    settings = CoreSettings(grpc="127.0.0.1:0", drain_seconds=1)
    async with CoreServer(settings).open() as addresses:
        yield f"grpc://{addresses['grpc']}"
