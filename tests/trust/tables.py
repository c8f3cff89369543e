"""The tables of docs/security.md."""

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
HOLDERS = ("nothing", "`>`", "`>` and manage", "spelled", "spelled and manage", "own")


def channels() -> Mapping[tuple[str, str], Mapping[str, str]]:
    """Return, by channel and what is done to it, what each holder may: yes, no or services."""
    rows = [row for row in _rows("### Channels") if len(row) == 2 + len(HOLDERS)]
    assert tuple(rows[0][2:]) == HOLDERS
    return {
        (row[0].strip("`"), row[1]): dict(zip(HOLDERS, row[2:], strict=True)) for row in rows[1:]
    }


def acts() -> Mapping[str, str]:
    """Return, by call or frame, the first word of what it needs."""
    return _needs("### Every call and frame")


def routes() -> Mapping[str, str]:
    """Return, by frame of a browser or route, the first word of what it needs."""
    return _needs("### Every frame and route of the edge")


def _needs(heading: str) -> Mapping[str, str]:
    rows = [row for row in _rows(heading) if len(row) == 2][1:]
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0].strip("`"): re.findall(r"`([^`]+)`", row[1])[0] for row in rows}


def _rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"\n{heading}\n")[1].split("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    return [row for row in rows if not set(row[0]) <= {"-"}]
