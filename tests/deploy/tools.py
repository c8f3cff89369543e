"""Programs that check what is in deploy/, and where that is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
DEPLOY: Final = ROOT / "deploy"
SECONDS: Final = 60


def ran(*words: str | Path, cwd: Path = ROOT, environ: dict[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed; fail where its status is not 0."""
    ended = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def ours(name: str) -> str:
    """Return a program that a package of the tests' brought."""
    return str(Path(sys.executable).with_name(name))


def with_blackroad() -> dict[str, str]:
    """Return an environment in which `blackroad` is at hand, and nothing is set."""
    return {"PATH": f"{Path(ours('blackroad')).parent}:{os.environ['PATH']}"}


def debian(name: str) -> str:
    """Return a program of Debian's; skip the test where it is not installed."""
    found = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found
