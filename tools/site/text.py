"""Markdown out of prose that others wrote: comments of protos, descriptions of schemas."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_CODE: Final = re.compile(r"(`[^`]*`)")
_SPECIAL: Final = re.compile(r"([*_<>\[\]\\])")
_BREAK: Final = re.compile(r"\n\s*\n")


def prose(text: str) -> str:
    """Return a text whose signs outside of backticks mean nothing in Markdown; one line."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if part.startswith("`") else _SPECIAL.sub(r"\\\1", part) for part in parts)


def paragraphs(text: str) -> str:
    """Return a text as paragraphs."""
    return "\n\n".join(prose(part) for part in _BREAK.split(text.strip()) if part.strip())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table without the columns in which nothing stands; nothing without rows."""
    said = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    kept = [at for at, cells in enumerate(zip(*said, strict=True)) if any(cells)]
    shown = [[row[at] for at in kept] for row in (head, ["---"] * len(head), *said)]
    return "\n".join("| " + " | ".join(line) + " |" for line in shown) if said else ""


def page(*blocks: str) -> str:
    """Return blocks with an empty line between them."""
    return "\n\n".join(block for block in blocks if block) + "\n"


def slug(heading: str) -> str:
    """Return the anchor that a heading gets, as Python-Markdown makes it."""
    kept = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
    return re.sub(r"[-\s]+", "-", kept)
