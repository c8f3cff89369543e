"""The files that the edge serves are what clients/console builds, and stay small."""

import gzip
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.console.tab import SOURCE
from tests.processes import ROOT

pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.timeout(300)]
BUILT: Final = ROOT / "edge" / "blackroad" / "edge" / "console" / "files"
SCRIPTS: Final = ("build", "types", "lint")
LARGEST: Final = 64 * 1024


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    """Skip where npm has not brought what builds it."""
    if not shutil.which("node") or not (SOURCE / "node_modules" / ".installed").exists():
        pytest.skip("needs Node and `make clients/console/node_modules/.installed`")


def npm(script: str, built: Path) -> str:
    """Run a script; return what it says where it fails."""
    run = subprocess.run(
        ["npm", "run", "--silent", script],
        cwd=SOURCE,
        env={**os.environ, "CONSOLE_OUT": str(built)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return run.stdout + run.stderr if run.returncode else ""


@pytest.fixture(scope="module")
def built(packages: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Run all scripts beside each other; give what was built, and what each said."""
    del packages
    folder = tmp_path_factory.mktemp("console")
    with ThreadPoolExecutor() as threads:
        said = threads.map(npm, SCRIPTS, [folder] * len(SCRIPTS))
        return folder, dict(zip(SCRIPTS, said, strict=True))


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_builds_and_is_typed_and_tidy(built: tuple[Path, dict[str, str]], script: str) -> None:
    assert built[1][script] == ""


def test_building_it_again_gives_the_same_bytes(built: tuple[Path, dict[str, str]]) -> None:
    assert content(built[0]) == content(BUILT), "run `make console`"


def test_all_of_it_is_small() -> None:
    size = sum(len(gzip.compress(each, mtime=0)) for each in content(BUILT).values())
    print(f"{size} bytes of {LARGEST}, gzipped")
    assert size < LARGEST
