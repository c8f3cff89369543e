"""Every test here runs with every engine."""

from collections.abc import AsyncGenerator, Callable

import pytest

from blackroad.core.log.base import Log
from tests.contract.log.engines import EVERY_ENGINE, Engine


@pytest.fixture(params=EVERY_ENGINE)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Return each engine in turn."""
    make: Callable[[], Engine] = request.param
    return make()


@pytest.fixture
async def log(engine: Engine) -> AsyncGenerator[Log]:
    """Return a log with the usual bounds."""
    async with engine.open() as log:
        yield log
