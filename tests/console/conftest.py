"""One Chromium and one installation for all tests of the console."""

import shutil
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from playwright.async_api import Browser, async_playwright

from tests.journeys import keys
from tests.processes import Installation, Part, up


@dataclass(frozen=True)
class House:
    """A core and an edge with keys."""

    core: Part
    edge: Part

    @property
    def http(self) -> str:
        return self.edge.addresses["http"]

    @property
    def url(self) -> str:
        """What a command of `blackroad` needs to know."""
        return f"grpc://{self.core.addresses['grpc']}"


@pytest.fixture(scope="session")
async def chromium(one_loop: None) -> AsyncGenerator[Browser]:
    """Give a Chromium."""
    del one_loop
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Debian's chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def installation(one_loop: None) -> Generator[Installation]:
    """Give a running `blackroad up`."""
    del one_loop
    with up() as started:
        yield started


@pytest.fixture(scope="session")
def house(one_loop: None) -> Generator[House]:
    """Give an installation where everybody needs a token."""
    del one_loop
    with keys.core() as core, keys.edge(core) as edge:
        yield House(core, edge)


@pytest.fixture
def room(one_loop: None) -> str:
    """Give a room that nobody has used."""
    del one_loop
    return f"console.{uuid4().hex[:12]}"
