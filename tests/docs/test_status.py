"""docs/status.md says of every rpc, route, frame and command what it does, and is right."""

import re
import subprocess
from pathlib import Path

import pytest

from blackroad.cli.settings.parts import EdgePart
from blackroad.cli.settings.problems import SettingsError
from blackroad.cli.settings.read import settings_of
from blackroad.core.settings import CoreSettings
from blackroad.edge.frames.client import TYPES
from tests.docs.blocks import ROOT
from tests.docs.calls import (
    methods,
    name_of,
    routes,
    unimplemented_frames,
    unimplemented_routes,
    unimplemented_rpcs,
)
from tests.processes import Installation, command, environ

ROW = re.compile(r"^\| `([^`]+)` \| (works|`unimplemented`)[^|]*\| ?(\w*) ?\|$", re.MULTILINE)


def table(heading: str) -> dict[str, bool]:
    """Return the rows under a heading: what there is, and whether it works."""
    page = (ROOT / "docs" / "status.md").read_text()
    (section,) = [part for part in page.split("\n## ") if part.startswith(heading)]
    found: list[tuple[str, str, str]] = ROW.findall(section)
    for name, today, part in found:
        assert (today == "works") == (not part), f"{name}: what is open belongs to a part"
    return {name: today == "works" for name, today, _ in found}


def open_in(rows: dict[str, bool]) -> set[str]:
    """Return what does not work."""
    return {name for name, works in rows.items() if not works}


async def test_every_rpc_stands_there_as_it_answers(installation: Installation) -> None:
    rows = table("gRPC")
    assert {name for name in rows if " " not in name} == {name_of(each) for each in methods()}
    assert open_in(rows) == await unimplemented_rpcs(installation.grpc)


async def test_every_frame_stands_there_as_it_is_answered(installation: Installation) -> None:
    rows = table("WebSocket")
    assert set(rows) == TYPES
    assert open_in(rows) == await unimplemented_frames(installation.http)


def test_every_route_stands_there_as_it_answers(installation: Installation) -> None:
    rows = table("HTTP")
    assert set(rows) == set(routes(installation.http))
    assert open_in(rows) == set(unimplemented_routes(installation.http))


def test_every_command_stands_there() -> None:
    page = (ROOT / "docs" / "status.md").read_text().split("\n## The command\n")[1]
    listed = set(re.findall(r"`(\w+)`", page.split("\n## ")[0])) - {"unimplemented"}
    shown = subprocess.run(
        command("--help"), env=environ(COLUMNS="100"), capture_output=True, text=True, check=True
    ).stdout
    assert listed == set(re.findall(r"^│ (\w+)  ", shown, re.MULTILINE))


@pytest.mark.parametrize("setting", [{"COMPRESSION": "true"}], ids=str)
def test_what_is_refused_at_the_start_is_refused(
    setting: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in setting.items():
        monkeypatch.setenv(f"BLACKROAD_{name}", value)
    part = EdgePart if "COMPRESSION" in setting else CoreSettings
    with pytest.raises(SettingsError, match="not implemented"):
        settings_of(part, [])
