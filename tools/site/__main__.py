"""Makes the site: stages its pages in .tools/docs/pages, then builds .tools/docs/site of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.site.index import Section
from tools.site.llms import address, inside
from tools.site.reference import reference
from tools.site.stage import Site, stage

ROOT: Final = Path(__file__).parent.parent.parent
TARGET: Final = ROOT / ".tools" / "docs"


def configuration(site: Site) -> str:
    """Return the settings of mkdocs that depend on the pages; JSON is YAML."""
    sections = [{section.title: _entries(section)} for section in site.index.sections]
    nav = [{"Home": "index.md"}, *sections]
    folders = {"docs_dir": "pages", "site_dir": "site"}
    return json.dumps({"INHERIT": "../../mkdocs.yml", **folders, "nav": nav}, indent=1)


def _entries(section: Section) -> list[dict[str, str]]:
    return [{entry.title: inside(entry.path)} for entry in section.entries]


def main() -> int:
    """Make the site; tell where it is."""
    site = stage(ROOT, reference())
    pages = TARGET / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    for path, text in site.pages.items():
        _write(pages / path, text)
    for path in site.others:
        _copy(ROOT / "docs" / path, pages / path)
    _write(TARGET / "mkdocs.yml", configuration(site))
    built = subprocess.run(  # noqa: S603 - our own words
        [TARGET / "venv" / "bin" / "mkdocs", "build", "--strict", "--quiet", "-f", "mkdocs.yml"],
        cwd=TARGET,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},  # of the theme, about other themes
        check=False,
    )
    if built.returncode:
        return built.returncode
    for path, text in site.pages.items():
        _write(TARGET / "site" / address(path), text)
    _write(TARGET / "site" / "llms.txt", site.llms)
    _write(TARGET / "site" / "llms-full.txt", site.full)
    sys.stdout.write(f"{TARGET / 'site' / 'index.html'}\n")
    return 0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    sys.exit(main())
