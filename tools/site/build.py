"""Builds a site with mkdocs; a broken link or anchor and a page without a place fail it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tools.site.index import Section
from tools.site.llms import address, inside
from tools.site.stage import Site

ROOT: Final = Path(__file__).parent.parent.parent
MKDOCS: Final = ROOT / ".tools" / "docs" / "venv" / "bin" / "mkdocs"


class BuildError(Exception):
    """What mkdocs says."""


def build(site: Site, target: Path) -> Path:
    """Build the site in a folder; return its first page. BuildError where something is broken."""
    pages, made = target / "pages", target / "site"
    shutil.rmtree(pages, ignore_errors=True)
    for path, text in site.pages.items():
        _write(pages / path, text)
    for path in site.others:
        _write(pages / path, (ROOT / "docs" / path).read_bytes())
    _write(target / "mkdocs.yml", configuration(site))
    _mkdocs(target)
    for path, text in site.pages.items():
        _write(made / address(path), text)
    _write(made / "llms.txt", site.llms)
    _write(made / "llms-full.txt", site.full)
    return made / "index.html"


def configuration(site: Site) -> str:
    """Return the settings of mkdocs that depend on the pages; JSON is YAML."""
    sections = [{section.title: _entries(section)} for section in site.index.sections]
    nav = [{"Home": "index.md"}, *sections]
    folders = {"docs_dir": "pages", "site_dir": "site"}
    return json.dumps({"INHERIT": str(ROOT / "mkdocs.yml"), **folders, "nav": nav}, indent=1)


def _entries(section: Section) -> list[dict[str, str]]:
    return [{entry.title: inside(entry.path)} for entry in section.entries]


def _mkdocs(folder: Path) -> None:
    built = subprocess.run(  # noqa: S603 - our own words
        [MKDOCS, "build", "--strict", "-f", "mkdocs.yml"],
        cwd=folder,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},  # of the theme, about other themes
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode:
        raise BuildError(built.stdout)


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
