"""The fenced blocks of a page: which are run, and what is shown beside each command.

A page is read from top to bottom. Two kinds of block are run:

- `console`: a line `$ command` and, under it, what it prints. `...` stands for anything within a
  line, a line `...` for any lines. Words after `console` say more: `follow` leaves the one command
  running while the next block runs, and then interrupts it; `serve` does the same with what is no
  client of ours: it is ready when it has printed the first line that is shown; `dialogue` types
  the lines that begin with `> `; `go` needs a tool that Go installs, `node` needs Node.
- any block whose first line is a comment that names a file, `# name.ext`, `// name.ext` or
  `<!-- name.ext -->`: it is written to a file of that name. With a path it is an excerpt of that
  file of the repository, line for line.

What else a block may be, and how each kind is checked, stands in `kinds.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
_FENCE: Final = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE: Final = re.compile(r"(?:#|//|<!--) ((?:[\w.-]+/)*)([\w.-]+\.\w+)(?: -->)?")


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
        found = self._named
        return found[2] if found and not found[1] else ""

    @property
    def excerpt(self) -> str:
        """The path of the repository's file that it is a part of, or nothing."""
        found = self._named
        return found[1] + found[2] if found and found[1] else ""

    @property
    def _named(self) -> re.Match[str] | None:
        return _FILE.fullmatch(self.text.partition("\n")[0])

    @property
    def needs(self) -> str:
        """What it needs beyond Python and Debian's tools: `go`, `node` or nothing."""
        return next(iter(self.words & {"go", "node"}), "")

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


def name_of(page: Path) -> str:
    """Return a page's path in the repository without its ending, as tests are named by it."""
    return str(page.relative_to(ROOT).with_suffix(""))


def where(block: Block) -> str:
    """Say where a block stands."""
    return f"{block.page.name}:{block.line}"


def pattern(shown: str) -> str:
    """Return the regular expression of what is shown."""
    lines: list[str] = []
    for line in shown.splitlines():
        if line.strip() == "...":
            lines.append(r"(?:.*\n)*?")
        else:
            lines.append(re.escape(line.rstrip()).replace(r"\.\.\.", ".*") + r"[ \t]*\n")
    return "".join(lines)
