"""Pages of the repository as pages of the site."""

import re
from pathlib import PurePosixPath
from typing import Final

README: Final = "README.md"
TOUR: Final = "tour.md"
_FENCE: Final = re.compile(r"^(```\w+)[^\n]*$", re.MULTILINE)
_FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def of_site(text: str, path: str) -> str:
    """Return a page as the site shows it; `path` is the repository's.

    Words after a fence's language are for the tests. What the site does not have, such as source
    code, is named and not linked: the site works without the network.
    """
    kept, last = "", 0
    for fenced in _FENCED.finditer(text):
        kept += _links(text[last : fenced.start()], path) + _FENCE.sub(r"\1", fenced[0])
        last = fenced.end()
    return kept + _links(text[last:], path)


def place(path: str) -> str | None:
    """Return where a file of the repository is in the site, if it is there."""
    if path == README:
        return TOUR
    inside = path.removeprefix("docs/")
    return inside if inside != path and PurePosixPath(path).suffix else None


def _links(text: str, path: str) -> str:
    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], _resolved(path, found[2]), found[3] or ""
        there = place(target)
        if there is None:
            there = place(f"{target.rstrip('/')}/{README}")
            if there is None or not target.startswith("docs/"):
                return f"{words} (`{target}`)" if words != target else f"`{words}`"
        return f"[{words}]({_relative(there, place(path) or path)}{anchor})"

    return _LINK.sub(link, text)


def _resolved(path: str, target: str) -> str:
    parts: list[str] = []
    for part in [*PurePosixPath(path).parent.parts, *PurePosixPath(target).parts]:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _relative(target: str, source: str) -> str:
    return "../" * (len(PurePosixPath(source).parts) - 1) + target
