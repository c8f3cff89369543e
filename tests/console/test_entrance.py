"""`blackroad console` and `POST /v1/tokens`: how a page comes to its token."""

import json

import httpx
import pytest

from tests.console.conftest import House
from tests.journeys.keys import bearer, token
from tests.processes import blackroad

pytestmark = [pytest.mark.usefixtures("one_loop"), pytest.mark.slow, pytest.mark.timeout(300)]


async def entered(house: House, body: object, shown: str = "") -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://{house.http}", timeout=30) as http:
        return await http.post("/v1/tokens", json=body, headers=bearer(shown) if shown else {})


def link(house: House, *arguments: str, **settings: str) -> str:
    run = blackroad("console", *arguments, URL=house.url, TOKEN=token("ann"), **settings)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


async def test_a_ticket_gives_one_token_good_over_http(house: House) -> None:
    ticket = link(house, "--at", "http://here/").removeprefix("http://here/#ticket=")
    found = await entered(house, {"ticket": ticket})
    assert found.status_code == 201
    assert found.headers["cache-control"] == "no-store"
    made: dict[str, str] = found.json()
    assert made["client_id"] == "ann"
    async with httpx.AsyncClient(base_url=f"http://{house.http}", timeout=30) as http:
        nodes = await http.get("/v1/nodes", headers=bearer(made["token"]))
        assert nodes.status_code == 200
    again = await entered(house, {"ticket": ticket})
    assert (again.status_code, again.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("ticket", ["none", "pass_a.b.c", ""])
async def test_what_is_no_ticket_gives_no_token(house: House, ticket: str) -> None:
    found = await entered(house, {"ticket": ticket})
    assert (found.status_code, found.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("ticket", ["é", "a b", "a\n", "x" * 300, 7, None])
async def test_what_cannot_be_a_ticket_is_a_bad_value(house: House, ticket: object) -> None:
    found = await entered(house, {"ticket": ticket})
    assert (found.status_code, found.json()["code"]) == (400, "bad_frame")


async def test_a_token_gives_another_that_ends_no_later(house: House) -> None:
    first = (await entered(house, {}, token("ann", seconds=60))).json()
    second = (await entered(house, {}, first["token"])).json()
    assert second["expires_at"] <= first["expires_at"]


@pytest.mark.parametrize(
    ("settings", "page"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"HTTP": "0.0.0.0:80"}, "http://127.0.0.1:80"),
        ({"HTTP": "[::]:80"}, "http://[::1]:80"),
    ],
    ids=["nothing", "everywhere", "everywhere-6"],
)
def test_the_link_is_where_the_settings_say(
    house: House, settings: dict[str, str], page: str
) -> None:
    printed = json.loads(link(house, "--json", **settings))
    assert printed["url"].startswith(f"{page}/#ticket=")
    assert printed["expires_at"]


def test_an_edge_on_a_free_port_has_to_be_named(house: House) -> None:
    run = blackroad("console", URL=house.url, TOKEN=token("ann"), HTTP="127.0.0.1:0")
    assert (run.returncode, run.stdout) == (1, "")
    assert "--at" in run.stderr
