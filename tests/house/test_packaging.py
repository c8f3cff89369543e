"""The packages, the wheel and the locks are what pip and type checkers expect."""

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMPORT_ROOTS = ["core", "edge", "generated", "clients/python"]
PACKAGES = [
    "blackroad.agents",
    "blackroad.cli",
    "blackroad.client",
    "blackroad.core",
    "blackroad.edge",
    "blackroad.realtime.v1",
    "blackroad.testing",
    "blackroad.wire.v1",
]
RUN_LOCK = ROOT / "requirements/run.lock"
TEST_LOCK = ROOT / "requirements/test.lock"
CHECK_LOCK = ROOT / "requirements/check.lock"
FRAMEWORKS_LOCK = ROOT / "requirements/frameworks.lock"


def pins(lock: Path) -> dict[str, str]:
    """Return the version that a lock names for each package."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(), flags=re.MULTILINE))


def ours(package: str) -> list[ModuleType]:
    """Import every module of a package, but not what runs when imported."""
    root = importlib.import_module(package)
    found = pkgutil.walk_packages(root.__path__, f"{package}.")
    return [root, *(importlib.import_module(m.name) for m in found if "__main__" not in m.name)]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_typed(package: str) -> None:
    (folder,) = importlib.import_module(package).__path__
    assert (Path(folder) / "py.typed").exists()


def test_the_namespace_is_shared() -> None:
    for root in IMPORT_ROOTS:
        for folder in ("blackroad", "blackroad/realtime", "blackroad/wire"):
            assert not (ROOT / root / folder / "__init__.py").exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_all_names_what_is_public(package: str) -> None:
    for module in ours(package):
        names: list[str] = getattr(module, "__all__", [])
        assert sorted(set(names)) == sorted(names), module.__name__
        for name in names:
            assert hasattr(module, name), f"{module.__name__}.{name}"


def test_the_clients_surface_is_its_all() -> None:
    client = importlib.import_module("blackroad.client")
    public = {
        name
        for name, value in vars(client).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(getattr(client, "__all__", []))


def test_the_wheel_holds_every_package_and_no_test(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    for package in PACKAGES:
        assert f"{package.replace('.', '/')}/__init__.py" in names
        assert f"{package.replace('.', '/')}/py.typed" in names
    assert {name.partition("/")[0] for name in names} == {"blackroad"}
    assert not [name for name in names if re.search(r"/tests?[/_]", name)]


@pytest.mark.parametrize(
    "lock", [RUN_LOCK, TEST_LOCK, CHECK_LOCK, FRAMEWORKS_LOCK], ids=lambda lock: lock.name
)
def test_a_lock_has_hashes_and_names_no_registry(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links| @ ", text)
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) > 40
    for block in blocks:
        assert re.match(r"[a-z0-9-]+==\S+.*\\\n    --hash=sha256:", block), block


def test_a_later_lock_only_adds_to_the_one_before() -> None:
    assert pins(RUN_LOCK).items() <= pins(TEST_LOCK).items() <= pins(CHECK_LOCK).items()


@pytest.mark.parametrize(
    ("lock", "declared"),
    [
        (RUN_LOCK, PROJECT["project"]["dependencies"]),
        (TEST_LOCK, PROJECT["dependency-groups"]["dev"]),
        (CHECK_LOCK, PROJECT["dependency-groups"]["check"]),
    ],
    ids=["run", "test", "check"],
)
def test_a_lock_meets_what_is_declared(lock: Path, declared: list[str]) -> None:
    pinned = pins(lock)
    for requirement in map(Requirement, declared):
        version = pinned[requirement.name.lower()]
        assert Version(version) in requirement.specifier, requirement
