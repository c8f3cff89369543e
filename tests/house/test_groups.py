"""What is raised in an `except*` comes out in a group before Python 3.11.4: Debian has 3.11.2."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("core", "edge", "clients/python", "benchmarks", "tests")


def raised_within(tree: ast.AST) -> list[int]:
    """Return the lines at which something is raised in an `except*`."""
    handlers = [
        one for node in ast.walk(tree) if isinstance(node, ast.TryStar) for one in node.handlers
    ]
    return [
        inner.lineno
        for handler in handlers
        for inner in ast.walk(handler)
        if isinstance(inner, ast.Raise) and inner.exc is not None
    ]


def test_nothing_is_raised_within_an_except_star() -> None:
    files = {
        path: text
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts and "except*" in (text := path.read_text())
    }
    found = {path: raised_within(ast.parse(text)) for path, text in files.items()}
    assert files
    assert not any(found.values()), found


def test_it_would_be_found() -> None:
    text = "try:\n  f()\nexcept* ValueError as errors:\n  raise KeyError from errors\n"
    assert raised_within(ast.parse(text)) == [4]
