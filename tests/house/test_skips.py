"""A skip is a failure where `REQUIRE_ALL_TESTS=1` says so."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SKIPS = {
    "test": "import pytest\ndef test_it(): pytest.skip('no tool')\n",
    "module": "import pytest\npytest.importorskip('no_such_module')\ndef test_it(): pass\n",
    "fixture": (
        "import pytest\n@pytest.fixture\ndef tool(): pytest.skip('no tool')\n"
        "def test_it(tool): pass\n"
    ),
}


@pytest.mark.parametrize("source", SKIPS.values(), ids=SKIPS.keys())
@pytest.mark.parametrize(("required", "passes"), [("", True), ("1", False)])
def test_a_skip_fails_only_where_all_tests_are_required(
    tmp_path: Path, source: str, required: str, passes: bool
) -> None:
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "test_skipping.py").write_text(source)
    (tmp_path / "test_passing.py").write_text("def test_it(): pass\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--rootdir=.", "-q"],
        cwd=tmp_path,
        env={"REQUIRE_ALL_TESTS": required, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode == 0) is passes, run.stdout
