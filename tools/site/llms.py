"""llms.txt and llms-full.txt: the site for readers that are language models (llmstxt.org)."""

from collections.abc import Mapping

from tools.site.index import Index
from tools.site.pages import of_site, place


def llms(index: Index) -> str:
    """Return the list of pages; each is there as Markdown, beside its HTML."""
    lines = [f"# {index.title}", "", "> " + " ".join(plain(index.summary).split()), ""]
    for section in index.sections:
        lines += [f"## {section.title}", ""]
        lines += [
            f"- [{entry.title}]({address(entry.path)}): {plain(entry.holds)}"
            for entry in section.entries
        ]
        lines.append("")
    return "\n".join(lines)


def full(index: Index, pages: Mapping[str, str]) -> str:
    """Return all pages, in the order of the index; `pages` are those of the site by their paths."""
    paths = [inside(entry.path) for section in index.sections for entry in section.entries]
    return "\n\n".join(pages[path].strip() for path in ["index.md", *paths]) + "\n"


def inside(path: str) -> str:
    """Return a page's path in the site; the index names it from docs/."""
    return place("README.md") or path if path == "../README.md" else path


def address(path: str) -> str:
    """Return where a page is as Markdown."""
    return inside(path).removesuffix(".md") + ".html.md"


def plain(text: str) -> str:
    """Return prose whose links lead nowhere outside of the site."""
    return of_site(text, "docs/index.md")
