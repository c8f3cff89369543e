"""The site: all pages and the whole API are in it, nothing of it is broken or needs the network."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page, expect

from tests.docs.blocks import PAGES, ROOT
from tests.docs.calls import methods
from tests.docs.offline import chromium, page_without_network
from tests.processes import Installation
from tools.site.build import MKDOCS, BuildError, build
from tools.site.contract import PACKAGE
from tools.site.index import Entry
from tools.site.llms import inside
from tools.site.pages import of_site
from tools.site.reference import descriptors, reference
from tools.site.stage import Site, stage

LOADED: Final = re.compile(
    r"""(?:<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=|@import\s+|url\()["']?(https?:)?//"""
)
LISTED: Final = re.compile(r"^- \[.+\]\((.+)\): .+$", re.MULTILINE)


@pytest.fixture(scope="module")
def pages() -> Mapping[str, str]:
    """Give the generated pages."""
    return reference()


@pytest.fixture(scope="module")
def site(pages: Mapping[str, str]) -> Site:
    """Give the site before it is built."""
    return stage(ROOT, pages)


@pytest.fixture(scope="module")
def built(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the built site."""
    needs_mkdocs()
    return build(site, tmp_path_factory.mktemp("docs")).parent


def needs_mkdocs() -> None:
    if not MKDOCS.exists():
        pytest.skip("mkdocs is not installed: make docs")


def test_every_page_is_in_the_site_and_has_a_place_in_it(site: Site) -> None:
    assert len(site.pages) >= len(PAGES)
    listed = {inside(entry.path) for each in site.index.sections for entry in each.entries}
    decisions = {path for path in site.pages if path.startswith("decisions/")}
    assert listed | decisions | {"index.md"} == set(site.pages)


def test_every_call_and_field_of_the_contract_is_shown_with_its_comment(
    pages: Mapping[str, str],
) -> None:
    for method in methods():
        assert any(f"### rpc {method.name}\n" in text for text in pages.values())
    for file in descriptors().file:
        if file.package == PACKAGE:
            page = pages[f"reference/grpc/{Path(file.name).stem}.md"]
            fields = [field.name for message in file.message_type for field in message.field]
            shown = re.findall(r"^\| `(\w+)` \| \d+ \| .+ \| (.+) \|$", page, re.MULTILINE)
            assert len(fields) <= len(shown)
            assert set(fields) <= {name for name, _ in shown}
            assert all(said.strip() for _, said in shown)


def test_every_route_and_frame_is_shown(pages: Mapping[str, str]) -> None:
    http, frames = pages["reference/http.md"], pages["reference/frames.md"]
    for line in ("POST /v1/publish", "GET /events/client_id", "DELETE /v1/sessions/session_id"):
        assert f"### {line}\n" in http
    for name in ("welcome", "subscribe", "agent.response", "room.joined", "chunk"):
        assert f"#### {name}\n" in frames


def test_a_page_of_the_repository_becomes_one_of_the_site() -> None:
    linked = of_site("[a](b.md#x) [c](../../README.md)", "docs/tutorial/d.md")
    assert linked == "[a](../tutorial/b.md#x) [c](../tour.md)"
    assert of_site("[x](../core/x.py)", "docs/a.md") == "x (`core/x.py`)"
    fenced = "```console\n[d](e)\n```\n"
    assert of_site(fenced.replace("console", "console go follow"), "docs/a.md") == fenced
    assert of_site("[b](../README.md)", "docs/index.md") == "[b](tour.md)"
    assert of_site("[g](docs/guide.md)", "README.md") == "[g](guide.md)"
    assert of_site("[d](docs/decisions)", "README.md") == "[d](decisions/README.md)"


def test_language_models_find_every_page(site: Site) -> None:
    listed = LISTED.findall(site.llms)
    assert len(listed) == sum(len(section.entries) for section in site.index.sections)
    assert site.llms.startswith("# BlackRoad Realtime\n\n> ")
    for section in site.index.sections:
        for entry in section.entries:
            assert site.pages[inside(entry.path)].strip() in site.full


@pytest.mark.slow
def test_what_is_listed_for_language_models_is_there(built: Path, site: Site) -> None:
    listed = LISTED.findall((built / "llms.txt").read_text())
    assert listed
    assert [path for path in listed if not (built / path).is_file()] == []
    assert (built / "llms-full.txt").read_text() == site.full


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(built: Path) -> None:
    files = [path for path in built.rglob("*") if path.suffix in {".html", ".css"}]
    assert len(files) > 30
    assert [path.name for path in files if LOADED.search(path.read_text())] == []


@pytest.mark.parametrize(
    "loaded",
    ['<script src="https://a.example/b.js">', "@import 'https://a.example'", "url(//a.example/f)"],
)
def test_what_would_be_loaded_from_elsewhere_is_found(loaded: str) -> None:
    assert LOADED.search(loaded)


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken", ["[a](nowhere.md)", "[a](errors.md#nowhere)", "[a](/errors.md)", "![a](no.png)", ""]
)
def test_what_is_broken_fails(broken: str, tmp_path: Path) -> None:
    needs_mkdocs()
    index = stage(ROOT, {}).index
    pages = {"index.md": f"# Home\n\n{broken}\n", "errors.md": "# Errors\n"}
    entries = replace(index.sections[0], entries=(Entry("Errors", "errors.md", "codes"),))
    small = Site(replace(index, sections=(entries,)), pages, ("assets/iframe-worker.js",), "", "")
    with pytest.raises(BuildError) if broken else nullcontext():
        build(small, tmp_path)


@pytest.mark.browser
@pytest.mark.slow
async def test_it_is_read_and_searched_from_the_disk_without_a_network(built: Path) -> None:
    async with chromium() as browser:
        page, faults = await page_without_network(browser, built.as_uri())
        await page.goto((built / "index.html").as_uri())
        await found(page, "too_many_subscriptions", "Errors")
        await page.goto((built / "reference" / "grpc" / "stream.html").as_uri())
        await expect(page.locator("h1")).to_contain_text("StreamService")
        assert faults == []


@pytest.mark.browser
@pytest.mark.slow
async def test_a_servers_own_description_needs_no_network(installation: Installation) -> None:
    address = f"http://{installation.http}"
    async with chromium() as browser:
        page, faults = await page_without_network(browser, address)
        await page.goto(f"{address}/docs")
        route = page.locator("details", has_text="POST /v1/publish")
        await expect(route).to_have_count(1)
        await route.locator("summary").click()
        await route.locator("textarea").fill('{"channel": "offline", "content": 1}')
        await route.locator("button").click()
        await expect(route.locator("pre")).to_contain_text('"offset":1')
        for document in ("openapi", "asyncapi"):
            answer = await page.goto(f"{address}/{document}.json")
            assert answer is not None
            assert document in await answer.json()
        assert faults == []


async def found(page: Page, words: str, title: str) -> None:
    """Type words into the search and see a page among what is found."""
    # By keys: the page reads its field when one is released, and may not look when it is filled.
    await page.locator(".md-search__input").press_sequentially(words)
    results = page.locator(".md-search-result__item h1", has_text=title)
    await expect(results.first).to_be_visible()
