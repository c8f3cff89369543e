"""The console's files: what they are, and that a browser which has them is not sent them again."""

import re

import pytest

from tests.edge.rig import EdgeRig

NAMES = ("", "console/console.js", "console/console.css", "console/console.svg")


@pytest.mark.parametrize("name", NAMES)
async def test_what_a_browser_has_is_not_sent_again(edge: EdgeRig, name: str) -> None:
    async with edge.http() as http:
        first = await http.get(f"/{name}")
        assert first.status_code == 200
        assert first.headers["cache-control"] == "no-cache", "it asks each time"
        tag = first.headers["etag"]
        for shown in (tag, f"W/{tag}"):
            again = await http.get(f"/{name}", headers={"If-None-Match": shown})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
        assert (await http.get(f"/{name}", headers={"If-None-Match": '"x"'})).status_code == 200


async def test_the_page_names_its_own_files_only(edge: EdgeRig) -> None:
    async with edge.http() as http:
        page = (await http.get("/")).text
        names: list[str] = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert {name for name in names if name != "/docs"} == {f"/{name}" for name in NAMES[1:]}
        assert not re.search(r"<script(?![^>]*src=)|<style|style=|onload=", page), "the policy"


@pytest.mark.parametrize("name", ["index.html", "door.py", "%2e%2e%2fdoor.py", "x.js", ""])
async def test_nothing_else_is_there(edge: EdgeRig, name: str) -> None:
    async with edge.http() as http:
        assert (await http.get(f"/console/{name}")).status_code == 404
