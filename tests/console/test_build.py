"""The files that the edge serves are what clients/console builds, and stay small."""

import gzip
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.console.tab import SOURCE
from tests.processes import ROOT

pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.timeout(300)]
BUILT: Final = ROOT / "edge" / "blackroad" / "edge" / "console" / "files"
LARGEST: Final = 64 * 1024


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    """Skip where npm has not brought what builds it."""
    if not shutil.which("node") or not (SOURCE / "node_modules" / ".installed").exists():
        pytest.skip("needs Node and `make clients/console/node_modules/.installed`")


def npm(script: str, **environ: str) -> None:
    run = subprocess.run(
        ["npm", "run", "--silent", script],
        cwd=SOURCE,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_building_it_again_gives_the_same_bytes(tmp_path: Path) -> None:
    npm("build", CONSOLE_OUT=str(tmp_path))
    assert content(tmp_path) == content(BUILT), "run `make console`"


@pytest.mark.parametrize("script", ["types", "lint"])
def test_it_is_typed_and_tidy(script: str) -> None:
    npm(script)


def test_all_of_it_is_small() -> None:
    size = sum(len(gzip.compress(each, mtime=0)) for each in content(BUILT).values())
    print(f"{size} bytes of {LARGEST}, gzipped")
    assert size < LARGEST
