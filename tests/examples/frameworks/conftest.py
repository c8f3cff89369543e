"""The examples with frameworks, in the environment of their own, and the model that they ask."""

from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

from tests.docs.blocks import ROOT
from tests.processes import running

HERE: Final = Path(__file__).parent
FOLDER: Final = ROOT / "examples/frameworks"
EXAMPLES: Final = sorted(file.name for file in FOLDER.glob("*.py"))
BLACKROAD: Final = ROOT / ".tools/frameworks/bin/blackroad"
AIMOCK: Final = ROOT / "tests/node/node_modules/@copilotkit/aimock/dist/cli.js"
START_SECONDS: Final = 90.0  # importing a framework takes seconds
ADDRESS: Final = r'"grpc": "([^"]+)"'


@pytest.fixture(scope="module")
def model() -> Generator[str]:
    """Give the address of aimock, which speaks OpenAI's API."""
    if not AIMOCK.exists():
        pytest.skip("make tests/node/node_modules/.installed")
    arguments = ["node", str(AIMOCK), "-p", "0", "-f", str(HERE / "fixtures.json")]
    with running(arguments, {}) as process:
        yield process.wait_for(r"listening on (http://\S+)")


@pytest.fixture(scope="module", params=EXAMPLES)
def travel(request: pytest.FixtureRequest, model: str, one_loop: None) -> Generator[str]:
    """Run an example beside a core; give the core's address."""
    del one_loop
    if not BLACKROAD.exists():
        pytest.skip("make .tools/frameworks/.installed")
    example = str(FOLDER / str(request.param))
    key = ["env", f"OPENAI_BASE_URL={model}/v1", "OPENAI_API_KEY=none"]
    # In the same environment: what the frameworks want there must suit the core too.
    with running([str(BLACKROAD), "core"], {"GRPC": "127.0.0.1:0"}) as core:
        address = f"grpc://{core.wait_for(ADDRESS)}"
        with running([*key, str(BLACKROAD), "run", example], {"URL": address}) as agent:
            agent.wait_for("(TRAVEL is ready)", START_SECONDS)
            yield address
