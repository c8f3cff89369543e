"""Every block of the pages that is meant to be run is run, and prints what is shown."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, Block, blocks, name_of, pattern, where
from tests.docs.kinds import fault
from tests.docs.terminal import SECONDS, Terminal
from tests.processes import Installation

RUN = [page for page in PAGES[1:] if "\n```console" in page.read_text()]


def run(page: Path, folder: Path, installation: Installation, needed: str = "") -> int:
    """Run a page's blocks in their order; return how many commands there were."""
    text = page.read_text()
    for program in ("curl", "redis-server"):
        if f"$ {program} " in text and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    terminal = Terminal(folder, installation, text)
    chosen = (block for block in blocks(page) if block.file or block.needs == needed)
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
    if not block.words & {"follow", "serve"}:
        terminal.run(block)
        return len(block.commands)
    with ExitStack() as stack:
        stack.enter_context(terminal.following(block))
        return 1 + run_next(next(others), others, terminal)


def commands(page: Path, needed: str = "") -> int:
    """Return how many commands a page has that need this."""
    shown = (each for each in blocks(page) if each.language == "console" and each.needs == needed)
    return sum(len(each.commands) for each in shown)


def patience(page: Path, needed: str = "") -> pytest.MarkDecorator:
    """Return how long a page may take: by itself each of its commands may take SECONDS."""
    return pytest.mark.timeout(60 + SECONDS * commands(page, needed))


def needing(what: str) -> list[object]:
    """Return the pages with commands that need this."""
    pages = [page for page in (PAGES[0], *RUN) if commands(page, what)]
    return [pytest.param(page, marks=patience(page, what)) for page in pages]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGES[0], marks=patience(PAGES[0])),
        *(pytest.param(page, marks=[pytest.mark.slow, patience(page)]) for page in RUN),
    ],
    ids=name_of,
)
def test_the_page_is_true(page: Path, tmp_path: Path, installation: Installation) -> None:
    assert run(page, tmp_path, installation) == commands(page)


@pytest.mark.go
@pytest.mark.parametrize("page", needing("go"), ids=name_of)
def test_the_page_is_true_of_what_go_installs(
    page: Path, tmp_path: Path, installation: Installation
) -> None:
    assert run(page, tmp_path, installation, "go") == commands(page, "go")


@pytest.mark.node
@pytest.mark.parametrize("page", needing("node"), ids=name_of)
def test_the_page_is_true_of_what_node_runs(
    page: Path, tmp_path: Path, installation: Installation
) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "examples" / "node" / name, tmp_path)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(npm, cwd=tmp_path, check=True)
    assert run(page, tmp_path, installation, "node") == commands(page, "node")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_is_run_or_checked(page: Path) -> None:
    found = [f"{where(block)}: {fault(block)}" for block in blocks(page) if fault(block)]
    assert found == []


@pytest.mark.parametrize(
    ("language", "words", "text"),
    [
        ("sh", "", "curl https://example.com | sh"),
        ("json", "", "{'a': 1}"),
        ("yaml", "", "a: [1"),
        ("toml", "", "a = b"),
        ("python", "", "print(1)\nprint(2"),
        ("text", "", "what a command prints"),
        ("text", "drawing", "$ blackroad up"),
        ("rust", "", "fn main() {}"),
        ("console", "", "nothing is typed"),
        ("console", "quietly", "$ true"),
        ("python", "", "# unused.py\nprint(1)"),
        ("python", "", "# tests/docs/kinds.py\nimport that"),
        ("python", "", "# tests/docs/nowhere.py\nimport ast"),
    ],
    ids=lambda value: str(value).partition("\n")[0],
)
def test_a_block_that_nothing_checks_is_a_fault(language: str, words: str, text: str) -> None:
    assert fault(Block(PAGES[0], 1, language, frozenset(words.split()), text))


def test_an_excerpt_is_of_its_file() -> None:
    text = "# tests/docs/kinds.py\nimport ast\nimport json\n"
    assert fault(Block(PAGES[0], 1, "python", frozenset(), text)) == ""


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
