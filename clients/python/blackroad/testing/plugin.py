"""The pytest plug-in: its fixtures. What they need is imported when a test asks for one."""

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from blackroad.testing.clock import FakeClock
    from blackroad.testing.server import RealtimeServer


@pytest.fixture(scope="session")
def realtime_settings() -> Mapping[str, str]:
    """Give the settings of `realtime_server` beyond its own; override it to choose others.

    The names are those of the environment without BLACKROAD_, such as `AUTH__SECRET`.
    """
    return {}


@pytest.fixture(scope="session")
def realtime_server(realtime_settings: Mapping[str, str]) -> "Generator[RealtimeServer]":
    """Give a real `blackroad up` on free ports, for all tests of the session."""
    from blackroad.testing.server import start

    with start(realtime_settings) as server:
        yield server


@pytest.fixture
def fake_clock(monkeypatch: pytest.MonkeyPatch) -> "FakeClock":
    """Give the clock of this test's event loop: it stands still until `await advance(seconds)`."""
    from blackroad.testing.clock import FakeClock

    clock = FakeClock()
    clock.install(monkeypatch)
    return clock
