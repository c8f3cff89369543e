"""The examples with frameworks, in the environment of their own, and the model that they ask."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.docs.blocks import ROOT
from tests.processes import Process, environ, part, running

HERE: Final = Path(__file__).parent
FOLDER: Final = ROOT / "examples/frameworks"
BLACKROAD: Final = ROOT / ".tools/frameworks/bin/blackroad"
AIMOCK: Final = ROOT / "tests/node/node_modules/@copilotkit/aimock/dist/cli.js"

Run = Callable[[str], AbstractAsyncContextManager[str]]


@pytest.fixture(scope="session")
def model() -> Generator[str]:
    """Give the address of aimock, which speaks OpenAI's API."""
    if not AIMOCK.exists():
        pytest.skip("make tests/node/node_modules/.installed")
    arguments = ["node", str(AIMOCK), "-p", "0", "-f", str(HERE / "fixtures.json")]
    with running(arguments, {}) as process:
        yield process.wait_for(r"listening on http://(\S+)")


@pytest.fixture
def run(model: str, one_loop: None) -> Run:
    """Give what runs an example beside a core; it gives the core's address once it is ready."""
    del one_loop
    if not BLACKROAD.exists():
        pytest.skip("make .tools/frameworks/.installed")

    @asynccontextmanager
    async def run_beside_a_core(name: str) -> AsyncGenerator[str]:
        with part("core", GRPC="127.0.0.1:0") as core:
            address = f"grpc://{core.addresses['grpc']}"
            asked = {"OPENAI_BASE_URL": f"http://{model}/v1", "OPENAI_API_KEY": "none"}
            agent = Process(
                [str(BLACKROAD), "run", str(FOLDER / name)], environ(URL=address) | asked
            )
            try:
                await asyncio.to_thread(agent.wait_for, "(TRAVEL is ready)")
                yield address
            finally:
                await asyncio.to_thread(agent.kill)

    return run_beside_a_core
