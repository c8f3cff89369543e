"""A host of agents that may not serve says why, in a line, and ends."""

import subprocess
from collections.abc import Generator

import pytest

from tests.journeys.keys import core, token
from tests.processes import command, environ


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    with core() as started:
        yield started.addresses["grpc"]


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (token("agents", "nothing", kind="service"), "no grant allows serve on"),
        (token("agents", kind="service", seconds=-1), "the token has expired"),
    ],
    ids=["without a grant", "expired"],
)
def test_a_host_that_may_not_serve_says_why(address: str, shown: str, why: str) -> None:
    settings = environ(CORE=address, TOKEN=shown)
    ended = subprocess.run(
        command("agents"), env=settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr
