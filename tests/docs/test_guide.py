"""docs/guide.md has all 110 items, and every test that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.docs.blocks import ROOT

ROW = re.compile(r"^\| (G\d{3}) \| .+ \| (.+) \| (.*) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
# What the backbone owes; parts of some may be open where they are TypeScript, Redis, tokens, rates.
CLOSED = {*range(19, 67), 68, *range(73, 88)}


def rows() -> dict[str, tuple[str, str]]:
    """Return what each item says, and its tests."""
    found = ROW.findall((ROOT / "docs" / "guide.md").read_text())
    assert len(found) == len({number for number, _, _ in found}), "an item stands there twice"
    return {number: (here, tests) for number, here, tests in found}


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the tests that a file has."""
    file = ROOT / Path(path)
    if not file.exists():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(file.read_text()).body
    return frozenset(each.name for each in body if isinstance(each, functions))


def test_every_item_stands_there() -> None:
    assert list(rows()) == [f"G{number:03}" for number in range(1, 111)]


def test_an_item_has_tests_or_says_that_it_is_open_and_where() -> None:
    for number, (here, tests) in rows().items():
        is_open = re.search(r"\*open\* \((answers|trust|fleet|people)\)", here)
        assert is_open or TEST.search(tests), number
        assert is_open or "*open*" not in here, f"{number}: of which part is it?"
        assert not tests or TEST.sub("", tests).replace("<br>", "") == "", number


def test_what_the_backbone_owes_has_tests() -> None:
    for number, (_, tests) in rows().items():
        assert int(number[1:]) not in CLOSED or TEST.search(tests), number


def test_every_test_that_is_named_is_there() -> None:
    missing = [
        f"{number}: {path}::{name}"
        for number, (_, tests) in rows().items()
        for path, name in TEST.findall(tests)
        if name not in names_in(path)
    ]
    assert missing == []


def test_every_test_of_the_guides_is_named() -> None:
    named = {name for _, tests in rows().values() for _, name in TEST.findall(tests)}
    ours = {name for name in names_in("tests/guide/test_guide.py") if name.startswith("test_")}
    assert ours - named == set()
