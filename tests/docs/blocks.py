"""The fenced blocks of a page: which are run, and what is shown beside each command.

A page is read from top to bottom. Two kinds of block are run:

- `console`: a line `$ command` and, under it, what it prints. `...` stands for anything within a
  line, a line `...` for any lines. Words after `console` say more: `follow` leaves the one command
  running while the next block runs, and then interrupts it; `dialogue` types the lines that begin
  with `> `; `go` needs a tool that Go installs.
- any block whose first line is `# name.ext`: it is written to a file of that name.

`sh` blocks are shown only: they install or start the product (`SHOWN` says which commands may).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SHOWN: Final = (
    "make ",
    "git clone ",
    "cd ",
    "go install ",
    ". .venv/bin/activate",
    ".venv/bin/pip install ",
    "blackroad up",
)
_FENCE: Final = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE: Final = re.compile(r"# ([\w.]+\.\w+)")


@dataclass(frozen=True, slots=True)
class Command:
    """One command and what it is shown to print."""

    line: str
    shown: str


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    words: frozenset[str]
    text: str

    @property
    def file(self) -> str:
        """The name of the file that it is, or nothing."""
        found = _FILE.fullmatch(self.text.partition("\n")[0])
        return found[1] if found else ""

    @property
    def commands(self) -> list[Command]:
        """The commands of a `console` block; a line that ends in a backslash goes on."""
        lines = self.text.replace("\\\n", " ").splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        ends = [*starts[1:], len(lines)]
        return [
            Command(lines[start][2:], "\n".join(lines[start + 1 : end]).strip())
            for start, end in zip(starts, ends, strict=True)
        ]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        language, *words = found[1].split() or [""]
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, language, frozenset(words), found[2])


def pattern(shown: str) -> str:
    """Return the regular expression of what is shown."""
    lines: list[str] = []
    for line in shown.splitlines():
        if line.strip() == "...":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(re.escape(line.rstrip()).replace(r"\.\.\.", ".*") + r"[ \t]*\n")
    return "".join(lines)
