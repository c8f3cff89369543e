"""A world for each test."""

from collections.abc import AsyncGenerator

import pytest

from tests.core.presence.world import World, open_world


@pytest.fixture
async def world() -> AsyncGenerator[World]:
    """Return the parts of a node."""
    async with open_world() as world:
        yield world
