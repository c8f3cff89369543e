"""generated/ is what protos/ makes, and protos/ breaks no client of the baseline."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "generated"
CODE = sorted(path for path in GENERATED.rglob("*_pb2*.py*") if path.suffix in {".py", ".pyi"})


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a target of the Makefile, taking the installed locks as they are."""
    installed = ["--assume-old=.venv/.run", "--assume-old=.venv/.test"]
    return subprocess.run(
        ["make", *installed, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def breaking(tree: Path) -> subprocess.CompletedProcess[str]:
    """Compare the protos of this tree with the baseline."""
    return subprocess.run(
        [ROOT / ".venv/bin/buf", "breaking", "--against", ROOT / "protos/baseline.binpb"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of generated/ that a test may spoil."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(GENERATED, tmp_path / "generated", ignore=ignored))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the protos that a test may break."""
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    return tmp_path


def test_generated_code_is_fresh(copy: Path) -> None:
    run = make("check-generated", f"generated={copy}")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    "name",
    [
        "event_pb2.py",
        pytest.param("event_pb2.pyi", marks=pytest.mark.slow),
        pytest.param("channel_pb2_grpc.py", marks=pytest.mark.slow),
    ],
)
def test_one_changed_byte_is_drift(copy: Path, name: str) -> None:
    path = copy / "blackroad/realtime/v1" / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    run = make("check-generated", f"generated={copy}")
    assert run.returncode != 0
    assert name in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize("stale", [True, False])
def test_a_stale_and_a_missing_file_are_drift(copy: Path, stale: bool) -> None:
    path = copy / "blackroad/realtime/v1" / ("gone_pb2.py" if stale else "event_pb2.py")
    path.touch() if stale else path.unlink()
    run = make("check-generated", f"generated={copy}")
    assert run.returncode != 0
    assert path.name in run.stdout


def test_the_protos_break_no_client_of_the_baseline(tree: Path) -> None:
    run = breaking(tree)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("proto", sorted((ROOT / "protos").rglob("*.proto")), ids=lambda p: p.name)
def test_a_removed_field_breaks(tree: Path, proto: Path) -> None:
    path = tree / proto.relative_to(ROOT)
    source, removed = re.subn(
        r"^  [\w.]+ \w+ = \d+( \[.*\])?;\n", "", path.read_text(), count=1, flags=re.MULTILINE
    )
    assert removed == 1
    path.write_text(source)
    assert breaking(tree).returncode != 0


def test_runtime_floors_are_the_generators_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    floors = {
        requirement.name: min(Version(each.version) for each in requirement.specifier)
        for requirement in map(Requirement, project["dependencies"])
    }
    code = "\n".join(path.read_text() for path in CODE)
    assert set(re.findall(r"GRPC_GENERATED_VERSION = '(.+)'", code)) == {str(floors["grpcio"])}
    assert set(re.findall(r"Protobuf Python Version: (.+)", code)) == {str(floors["protobuf"])}


def test_only_protos_with_a_service_have_grpc_code() -> None:
    with_service = {
        path.stem for path in (ROOT / "protos").rglob("*.proto") if "\nservice " in path.read_text()
    }
    assert {path.stem.removesuffix("_pb2_grpc") for path in CODE if "_grpc" in path.stem} == (
        with_service
    )
