"""docs/status.md says of every rpc, route, frame and command what it does, and is right."""

import re
import subprocess

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
