"""The units are valid, shut off from the rest of the machine, and give time to drain."""

import configparser
from pathlib import Path

import pytest

from blackroad.cli.settings.names import PREFIX, is_known
from blackroad.core.settings import CoreSettings
from blackroad.edge.settings import EdgeLimits
from tests.deploy.tools import DEPLOY, debian, ours, ran

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
EXPOSURE = 2.0  # of 10, as systemd-analyze counts


def unit_of(path: Path) -> configparser.ConfigParser:
    """Read a unit; of what stands several times, the last."""
    unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=["="])
    unit.read_string(path.read_text())
    return unit


@pytest.mark.slow
@pytest.mark.parametrize("path", UNITS, ids=lambda path: str(path.stem))
def test_a_unit_is_valid_and_has_few_rights(path: Path, tmp_path: Path) -> None:
    analyze = debian("systemd-analyze")
    installed = tmp_path / path.name
    text = path.read_text().replace("/opt/blackroad/bin/blackroad", ours("blackroad"))
    installed.write_text(text)
    ran(analyze, "verify", "--man=no", installed)
    told = ran(analyze, "security", "--offline=true", "--no-pager", installed)
    assert float(told.rpartition("service: ")[2].split()[0]) <= EXPOSURE


def test_there_is_a_unit_for_each_part() -> None:
    started = {unit_of(path)["Service"]["ExecStart"].split()[1] for path in UNITS}
    assert started == {"core", "edge", "agents"}


@pytest.mark.parametrize(
    ("name", "drain_seconds"),
    [
        ("blackroad-core", CoreSettings().drain_seconds),
        ("blackroad-edge@", EdgeLimits().drain_seconds),
    ],
)
def test_there_is_time_to_drain(name: str, drain_seconds: float) -> None:
    unit = unit_of(DEPLOY / "systemd" / f"{name}.service")
    assert float(unit["Service"]["TimeoutStopSec"]) >= drain_seconds + 5


@pytest.mark.parametrize("path", UNITS, ids=lambda path: str(path.stem))
def test_the_example_of_its_settings_has_only_what_there_is(path: Path) -> None:
    named = Path(unit_of(path)["Service"]["EnvironmentFile"]).name
    lines = (DEPLOY / "systemd" / named).read_text().splitlines()
    names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    assert len(names) >= 3
    for name in names:
        assert is_known(tuple(name.removeprefix(PREFIX).lower().split("__"))), name
