"""Every row of the table of faults names a test that there is."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT.parent / "docs" / "fleet.md").read_text()
NAMED = re.findall(r"`(\w+\.py)::(\w+)`", PAGE)


def test_every_fault_has_a_test() -> None:
    rows = [row for row in PAGE.split("| fault |")[1].splitlines()[2:] if row.startswith("|")]
    rows = [row for row in rows if not row.startswith(("| what |", "| --- |"))]
    assert len(rows) > 20
    assert [row for row in rows if "`test_" not in row] == []
    for file, name in NAMED:
        texts = [path.read_text() for path in ROOT.rglob(file)]
        assert any(f"async def {name}(" in text for text in texts), name
