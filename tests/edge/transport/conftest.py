"""The loop that the product runs on."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run on uvloop, whose transports are not asyncio's."""
    return "asyncio", {"use_uvloop": True}
