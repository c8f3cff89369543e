"""docs/index.md as data: sections and pages in their order, and what each holds."""

import re
from dataclasses import dataclass
from typing import Final

_ROW: Final = re.compile(r"^\| \[([^\]]+)\]\(([^)]+)\) \| (.+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One page: its title, its path under docs/, and what it holds."""

    title: str
    path: str
    holds: str


@dataclass(frozen=True, slots=True)
class Section:
    """Some pages for one purpose."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The site: its name, what it is, and its sections."""

    title: str
    summary: str
    sections: tuple[Section, ...]


def read(text: str) -> Index:
    """Read the index; a section is a heading with a table of pages."""
    head, *parts = text.split("\n## ")
    title, _, summary = head.partition("\n")
    sections = (
        Section(
            part.partition("\n")[0],
            tuple(Entry(*found) for found in _ROW.findall(part)),
        )
        for part in parts
    )
    return Index(title.removeprefix("# "), summary.strip(), tuple(sections))
