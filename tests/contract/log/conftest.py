"""Every test here runs with every engine."""

from collections.abc import AsyncGenerator

import pytest

from blackroad.core.log.base import Log
from tests.contract.log.engines import ENGINES, Engine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Return each engine in turn."""
    name: str = request.param
    return ENGINES[name]()


@pytest.fixture
async def log(engine: Engine) -> AsyncGenerator[Log]:
    """Return a log with the usual bounds."""
    async with engine.open() as log:
        yield log
