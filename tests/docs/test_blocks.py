"""Every block of the pages that is meant to be run is run, and prints what is shown."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, SHOWN, Block, blocks, pattern
from tests.docs.terminal import Terminal, where
from tests.processes import Installation

LANGUAGES = {"console", "python", "toml", "sh", "text", "json", "jsx", "ts", "tsx"}


def names(page: Path) -> str:
    return page.stem


def run(page: Path, folder: Path, installation: Installation, *, go: bool) -> int:
    """Run a page's blocks in their order; return how many commands there were."""
    if "curl " in page.read_text() and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    terminal = Terminal(folder, installation)
    chosen = (block for block in blocks(page) if block.file or ("go" in block.words) == go)
    return sum(run_next(block, chosen, terminal) for block in chosen)


def run_next(block: Block, others: Iterator[Block], terminal: Terminal) -> int:
    """Run a block, and with one that is left running also the next."""
    if block.file:
        terminal.write(block)
        return 0
    if block.language != "console":
        return 0
    if "dialogue" in block.words:
        terminal.dialogue(block)
        return 1
    if "follow" not in block.words:
        terminal.run(block)
        return len(block.commands)
    with ExitStack() as stack:
        stack.enter_context(terminal.following(block))
        return 1 + run_next(next(others), others, terminal)


@pytest.mark.parametrize(
    "page",
    [PAGES[0], *(pytest.param(page, marks=pytest.mark.slow) for page in PAGES[1:])],
    ids=names,
)
def test_the_page_is_true(page: Path, tmp_path: Path, installation: Installation) -> None:
    expected = sum(
        len(block.commands)
        for block in blocks(page)
        if block.language == "console" and "go" not in block.words
    )
    assert run(page, tmp_path, installation, go=False) == expected


@pytest.mark.go
@pytest.mark.parametrize("page", PAGES, ids=names)
def test_the_page_is_true_of_what_go_installs(
    page: Path, tmp_path: Path, installation: Installation
) -> None:
    expected = sum(len(block.commands) for block in blocks(page) if "go" in block.words)
    assert run(page, tmp_path, installation, go=True) == expected


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_no_block_escapes(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, where(block)
        assert block.words <= {"follow", "dialogue", "go"}, where(block)
        assert block.file or block.language not in {"python", "toml"}, where(block)
        if block.language == "sh":
            for line in block.text.splitlines():
                assert not line or line.startswith(SHOWN), f"{where(block)}: {line}"


def test_the_readme_has_every_tool() -> None:
    lines = [
        command.line
        for block in blocks(PAGES[0])
        if block.language == "console"
        for command in block.commands
    ]
    for tool in ("curl -N", "websockets ws://", "grpcurl", "blackroad chat", "blackroad tap"):
        assert any(tool in line for line in lines), tool


def test_what_is_shown_is_compared() -> None:
    assert re.fullmatch(pattern('{"id":"ev_..."}'), '{"id":"ev_1"}\n')
    assert not re.fullmatch(pattern('{"id":"ev_..."}'), '{"id":"st_1"}\n')
    assert re.fullmatch(pattern("a\n...\nb"), "a\nx\ny\nb\n")
    assert not re.fullmatch(pattern("a\nb"), "a\nx\nb\n")
