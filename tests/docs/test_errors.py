"""docs/errors.md has every code as the two tables of the code have it, and no other."""

import re

from blackroad.core.errors import MEANINGS as CORE
from blackroad.edge.errors import MEANINGS as EDGE
from tests.docs.blocks import ROOT

ROW = re.compile(r"^\| `(\w+)` \| (\d+) \| (\w+) \| (\d+) \| (yes|no) \| .+ \|$", re.MULTILINE)


def test_every_code_stands_there_as_it_is() -> None:
    known = [
        (
            code.name.lower(),
            str(EDGE[code.name.lower()].http_status),
            meaning.status,
            str(EDGE[code.name.lower()].close_code),
            "yes" if meaning.retryable else "no",
        )
        for code, meaning in CORE.items()
    ]
    assert ROW.findall((ROOT / "docs" / "errors.md").read_text()) == known
