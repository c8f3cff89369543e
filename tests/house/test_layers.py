"""The import layers hold, and the check that says so can fail."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORT_ROOTS = ["core", "edge", "generated", "clients/python"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the import roots and of the contracts on them."""
    for root in IMPORT_ROOTS:
        shutil.copytree(ROOT / root, tmp_path / root)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts on the modules of this tree, not on the installed ones."""
    path = os.pathsep.join(str(tree / root) for root in IMPORT_ROOTS)
    return subprocess.run(
        ["lint-imports", "--no-cache"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": path, "PATH": f"{ROOT}/.venv/bin{os.pathsep}{os.defpath}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_module_imports_upward(tree: Path) -> None:
    run = lint_imports(tree)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("edge/blackroad/edge/scratch.py", "import blackroad.core"),
        ("edge/blackroad/edge/scratch.py", "import blackroad.client"),
        ("core/blackroad/core/scratch.py", "import blackroad.edge"),
        ("core/blackroad/core/scratch.py", "import grpc"),
        ("core/blackroad/core/scratch/roster.py", "import grpc"),
        ("core/blackroad/core/scratch/roster.py", "import redis"),
        ("core/blackroad/core/scratch/roster.py", "import fastapi"),
        ("core/blackroad/core/scratch/roster.py", "import blackroad.core.scratch.service"),
        (
            "core/blackroad/core/scratch/roster.py",
            "import blackroad.realtime.v1.presence_pb2_grpc",
        ),
        ("clients/python/blackroad/client/scratch.py", "import blackroad.core"),
        ("clients/python/blackroad/agents/scratch.py", "import blackroad.edge"),
        ("generated/blackroad/realtime/v1/scratch.py", "import blackroad.core"),
    ],
)
def test_an_import_upward_is_found(tree: Path, module: str, line: str) -> None:
    scratch = tree / module
    scratch.parent.mkdir(exist_ok=True)
    scratch.with_name("__init__.py").touch()
    scratch.with_name("service.py").touch()
    scratch.write_text(f"{line}\n")
    run = lint_imports(tree)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "scratch" in run.stdout


def test_a_service_may_import_grpc(tree: Path) -> None:
    folder = tree / "core/blackroad/core/scratch"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "service.py").write_text(
        "import grpc\nimport blackroad.realtime.v1.presence_pb2_grpc\n"
    )
    run = lint_imports(tree)
    assert run.returncode == 0, run.stdout + run.stderr
