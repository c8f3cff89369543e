"""What every test shares: the event loop, how hard it tries, and that a skip may be forbidden."""

import os
from collections.abc import AsyncGenerator, Generator

import pytest
from hypothesis import is_hypothesis_test, settings

THOROUGH = os.environ.get("THOROUGH") == "1"
SKIPS_FORBIDDEN = os.environ.get("REQUIRE_ALL_TESTS") == "1"

# On a busy machine any example may take long; what takes for ever ends by pytest's timeout.
settings.register_profile("ours", max_examples=100 if THOROUGH else 20, deadline=None)
settings.load_profile("ours")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that are worth running again with more examples."""
    for item in items:
        test = getattr(item, "obj", None)
        model = getattr(getattr(item, "cls", None), "settings", None)
        if is_hypothesis_test(test) or isinstance(model, settings):
            item.add_marker("examples")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture(scope="session")
async def one_loop(anyio_backend: str) -> AsyncGenerator[None]:
    """Keep one event loop for all tests that use gRPC.

    grpc.aio has one poller for the process: what still comes for the calls of a closed loop raises
    in the loop of a later test, and takes that one's events with it.
    """
    del anyio_backend  # asked for so that a test that is not async may be the first
    yield  # noqa: PT022 - a fixture that has not ended keeps the loop


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped module into a failure where `REQUIRE_ALL_TESTS=1` asks for it."""
    report = yield
    if SKIPS_FORBIDDEN and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_ALL_TESTS=1, but this was skipped: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failure where `REQUIRE_ALL_TESTS=1` asks for it."""
    report = yield
    if SKIPS_FORBIDDEN and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_ALL_TESTS=1, but this was skipped: {report.longrepr}"
    return report
