"""Every file that a page names is there, and so is every page that it links to."""

import re
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, name_of

FILE = re.compile(r"`((?:core|edge|clients|generated|protos|tests|docs|examples)/[\w./-]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    assert [name for name in FILE.findall(text) if not (ROOT / name).exists()] == []
    assert [name for name in LINK.findall(text) if not (page.parent / name).exists()] == []


def test_the_index_has_every_page() -> None:
    index = set(LINK.findall((ROOT / "docs" / "index.md").read_text()))
    docs = ROOT / "docs"
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    decisions = {page for page in pages if page.startswith("decisions/")}
    assert pages - decisions - {"index.md"} <= index
    shown = set(LINK.findall((docs / "decisions" / "README.md").read_text()))
    assert {page.removeprefix("decisions/") for page in decisions} - {"README.md"} <= shown
