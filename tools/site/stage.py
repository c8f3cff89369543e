"""What the site is made of: the pages of docs/ and the reference, in the order of docs/index.md."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tools.site.index import Entry, Index, Section, read
from tools.site.llms import full, llms
from tools.site.pages import README, TOUR, of_site
from tools.site.text import page, table

GENERATED: Final = "API, generated"
HOLDS: Final = {
    "http": "every route: parameters, body, answers",
    "frames": "every frame of the WebSockets and of server-sent events, field by field",
}


@dataclass(frozen=True, slots=True)
class Site:
    """All pages by their paths, other files of docs/, and what language models read."""

    index: Index
    pages: Mapping[str, str]
    others: tuple[str, ...]
    llms: str
    full: str


def stage(root: Path, reference: Mapping[str, str]) -> Site:
    """Return the site."""
    docs = root / "docs"
    index = read((docs / "index.md").read_text())
    generated = Section(GENERATED, tuple(_entry(path, text) for path, text in reference.items()))
    index = replace(index, sections=(*index.sections, generated))
    files = sorted(path for path in docs.rglob("*") if path.is_file())
    written = {
        str(path.relative_to(docs)): of_site(path.read_text(), str(path.relative_to(root)))
        for path in files
        if path.suffix == ".md"
    }
    rows = [(f"[{entry.title}]({entry.path})", entry.holds) for entry in generated.entries]
    home = page(written["index.md"], f"## {GENERATED}", table(("page", "what it holds"), rows))
    readme = of_site((root / README).read_text(), README)
    pages = {**written, "index.md": home, TOUR: readme, **reference}
    others = tuple(str(path.relative_to(docs)) for path in files if path.suffix != ".md")
    return Site(index, pages, others, llms(index), full(index, pages))


def _entry(path: str, text: str) -> Entry:
    title = text.partition("\n")[0].removeprefix("# ")
    name = path.rpartition("/")[2].removesuffix(".md")
    return Entry(title, path, HOLDS.get(name, f"`{name}.proto`: every call and message"))
