"""Tokens, tickets, cookies and revocations through real processes; and that none of it leaks."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.journeys import keys
from tests.journeys.keys import SECRET, bearer, token
from tests.processes import Part, blackroad

pytestmark = [pytest.mark.usefixtures("one_loop"), pytest.mark.slow]
SECONDS = 30.0


@dataclass(frozen=True)
class House:
    """A core and an edge with keys."""

    core: Part
    edge: Part

    @property
    def http(self) -> str:
        return self.edge.addresses["http"]

    @property
    def grpc(self) -> str:
        return self.core.addresses["grpc"]

    async def post(
        self, path: str, shown: str, body: object = None, status: int = 201
    ) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://{self.http}", timeout=SECONDS) as client:
            response = await client.post(path, json=body, headers=bearer(shown))
        assert response.status_code == status, response.text
        return response

    async def ticket(self, shown: str) -> str:
        made: dict[str, str] = (await self.post("/v1/tickets", shown)).json()
        return made["ticket"]

    async def cookie(self, shown: str) -> str:
        response = await self.post("/v1/tickets", shown, {"cookie": True})
        said = response.headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=strict", "Path=/events"):
            assert part in said
        assert "Secure" not in said, "without TLS no browser would send it"
        return str(said.partition(";")[0])


@pytest.fixture(scope="module")
def house(one_loop: None) -> Generator[House]:
    del one_loop
    with keys.core(LOGGING__LEVEL="debug") as core, keys.edge(core, LOGGING__LEVEL="debug") as edge:
        yield House(core, edge)


@asynccontextmanager
async def socket(http: str, path: str, *subprotocols: str) -> AsyncGenerator["Socket"]:
    offered = [*subprotocols] or None
    async with connect(f"ws://{http}{path}", subprotocols=offered) as connection:  # type: ignore[arg-type]  # plain strings
        yield Socket(connection)


class Socket:
    """A WebSocket, frame by frame."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **frame: object) -> None:
        await self.connection.send(json.dumps(frame))

    async def find(self, **fields: object) -> dict[str, object]:
        """Return the next frame with these fields."""
        async with asyncio.timeout(SECONDS):
            while True:
                frame: dict[str, object] = json.loads(await self.connection.recv())
                if fields.items() <= frame.items():
                    return frame

    async def closed(self) -> int:
        """Return the close code, when it comes."""
        async with asyncio.timeout(SECONDS):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed:
                return self.connection.close_code or 0


async def test_a_ticket_opens_one_socket(house: House) -> None:
    path = f"/ws/ann?ticket={await house.ticket(token('ann'))}"
    async with socket(house.http, path) as browser:
        welcome = await browser.find(type="welcome")
        assert (welcome["client_id"], "expires_at" in welcome) == ("ann", True)
        async with socket(house.http, path) as second:
            assert (await second.find(type="closing"))["code"] == "unauthenticated"
            assert await second.closed() == 4401


async def test_of_sockets_that_race_for_a_ticket_one_wins(house: House) -> None:
    path = f"/ws/ann?ticket={await house.ticket(token('ann'))}"

    async def first_frame() -> object:
        async with socket(house.http, path) as browser:
            return (await browser.find())["type"]

    frames = await asyncio.gather(*(first_frame() for _ in range(10)))
    assert sorted(map(str, frames)) == ["closing"] * 9 + ["welcome"]


async def test_a_socket_that_came_with_a_ticket_survives_its_core() -> None:
    with keys.core() as first, keys.edge(first) as edge:
        house = House(first, edge)
        path = f"/ws/ann?ticket={await house.ticket(token('ann'))}"
        async with socket(house.http, path) as browser:
            await browser.say(type="subscribe", room="r")
            await browser.find(type="caught_up")
            address = house.grpc
            await asyncio.to_thread(first.process.kill)
            with keys.core(address):
                await browser.find(type="gap")
                await browser.say(type="message", room="r", content="still ann", id="1")
                assert (await browser.find(type="message"))["from"] == "ann"


async def test_a_fresh_token_prolongs_a_socket_and_another_subjects_does_not(
    house: House,
) -> None:
    shown = token("ann", seconds=60)
    async with socket(house.http, "/ws/ann", "blackroad.v1", f"bearer.{shown}") as browser:
        assert browser.connection.subprotocol == "blackroad.v1"
        before = (await browser.find(type="welcome"))["expires_at"]
        await browser.say(type="token", token=token("ann", seconds=600), id="1")
        accepted = await browser.find(type="accepted", id="1")
        assert str(accepted["expires_at"]) > str(before)
        await browser.say(type="token", token=token("bob"), id="2")
        assert (await browser.find(type="error", id="2"))["code"] == "forbidden"


async def test_an_expired_token_opens_no_socket(house: House) -> None:
    shown = token("ann", seconds=-1)
    async with socket(house.http, "/ws/ann", "blackroad.v1", f"bearer.{shown}") as browser:
        assert (await browser.find(type="closing"))["code"] == "token_expired"
        assert await browser.closed() == 4401


async def test_a_revoked_browser_is_gone_within_a_second(house: House) -> None:
    shown = token("eve", jti="t-eve")
    async with socket(house.http, "/ws/eve", "blackroad.v1", f"bearer.{shown}") as browser:
        await browser.find(type="welcome")
        began = time.monotonic()
        made = (await house.post("/v1/revocations", token("root"), {"jti": "t-eve"})).json()
        assert made["jti"] == "t-eve"
        assert (await browser.find(type="closing"))["code"] == "unauthenticated"
        assert await browser.closed() == 4401
        assert time.monotonic() - began < 1
    async with httpx.AsyncClient(base_url=f"http://{house.http}") as client:
        listed = await client.get("/v1/revocations", headers=bearer(token("root")))
        assert [item["jti"] for item in listed.json()["items"]] == ["t-eve"]
        refused = await client.get("/v1/channels", headers=bearer(shown))
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


async def test_a_cookie_is_good_for_events_and_for_nothing_else(house: House) -> None:
    cookie = await house.cookie(token("ann"))
    headers = {"cookie": cookie}
    async with httpx.AsyncClient(base_url=f"http://{house.http}", timeout=SECONDS) as client:
        for _ in range(2):
            async with client.stream("GET", "/events/ann", headers=headers) as response:
                assert response.status_code == 200
                assert "connected" in await anext(response.aiter_text())
        for path in ("/v1/channels", "/v1/sessions"):
            assert (await client.get(path, headers=headers)).status_code == 401
        publish = await client.post("/broadcast", json={}, headers=headers)
        assert publish.status_code == 401
        foreign = {**headers, "origin": "https://evil.example"}
        assert (await client.get("/events/ann", headers=foreign)).status_code == 403
        cross = {**headers, "sec-fetch-site": "cross-site"}
        assert (await client.get("/events/ann", headers=cross)).status_code == 401
        assert (await client.get("/events/bob", headers=headers)).status_code == 403
        value = cookie.partition("=")[2]
        assert (await client.get(f"/events/ann?ticket={value}")).status_code == 401
    async with connect(f"ws://{house.http}/ws/ann", additional_headers=headers) as connection:
        assert await Socket(connection).closed() == 4401


async def test_a_token_in_a_url_is_none(house: House) -> None:
    shown = token("ann")
    async with httpx.AsyncClient(base_url=f"http://{house.http}") as client:
        for name in ("token", "access_token", "bearer", "ticket"):
            refused = await client.get(f"/events/ann?{name}={shown}")
            assert refused.status_code == 401
            assert shown not in refused.text


async def test_operators_use_the_command(house: House) -> None:
    root = {"URL": f"grpc://{house.grpc}", "TOKEN": token("root")}
    ann = blackroad("token", "ann", AUTH__SECRET=SECRET).stdout.strip()
    async with socket(house.http, "/ws/ann", "blackroad.v1", f"bearer.{ann}") as browser:
        session_id = str((await browser.find(type="welcome"))["session_id"])
        listed = await asyncio.to_thread(
            blackroad, "sessions", "--subject", "ann", "--json", **root
        )
        assert session_id in listed.stdout
        ended = await asyncio.to_thread(blackroad, "disconnect", session_id, **root)
        assert (ended.returncode, await browser.closed()) == (0, 4403)
    async with socket(house.http, "/ws/ann", "blackroad.v1", f"bearer.{ann}") as browser:
        await browser.find(type="welcome")
        revoked = await asyncio.to_thread(blackroad, "revoke", "--subject", "ann", **root)
        assert (revoked.returncode, await browser.closed()) == (0, 4401)


async def test_nothing_that_a_run_writes_has_a_secret_in_it() -> None:
    with (
        keys.core(METRICS="127.0.0.1:0", LOGGING__LEVEL="debug") as core,
        keys.edge(core, LOGGING__LEVEL="debug") as edge,
    ):
        house = House(core, edge)
        shown, bad = token("ann"), f"{token('ann')[:-8]}tampered"
        fresh, expired = token("ann"), token("ann", seconds=-60)
        ticket = await house.ticket(shown)
        cookie = (await house.cookie(shown)).partition("=")[2]
        said: list[str] = []
        for credential in (shown, bad, expired):
            offered = ("blackroad.v1", f"bearer.{credential}")
            async with socket(house.http, "/ws/ann", *offered) as browser:
                said.append(str(await browser.find()))
                if credential == shown:
                    await browser.say(type="token", token=fresh, id="1")
                    said.append(str(await browser.find(id="1")))
                    await browser.say(type="token", token=bad, id="2")
                    said.append(str(await browser.find(id="2")))
                    await browser.say(type=shown)
        for path in (f"/ws/ann?ticket={ticket}", f"/ws/ann?ticket={ticket}"):
            async with socket(house.http, path) as browser:
                said.append(str(await browser.find()))
        async with httpx.AsyncClient(base_url=f"http://{house.http}") as client:
            for credential in (bad, expired, ticket, cookie):
                for path in ("/v1/channels", "/v1/nothing", f"/events/ann?ticket={credential}"):
                    response = await client.get(path, headers=bearer(credential))
                    said.append(f"{response.headers} {response.text}")
            await client.get("/v1/channels", headers={"cookie": f"blackroad_session={cookie}"})
            said.append((await client.get("/metrics")).text)
            said.append((await client.get(f"http://{core.addresses['metrics']}/metrics")).text)
        failed = blackroad("sessions", URL=f"grpc://{house.grpc}", TOKEN=bad)
        said += [failed.stdout, failed.stderr]
        await asyncio.to_thread(edge.process.terminate)
        await asyncio.to_thread(core.process.terminate)
        written = "\n".join([*said, core.process.output, edge.process.output])
    assert "core.ready" in written
    for secret in (SECRET, shown, bad, fresh, expired, ticket, cookie):
        assert secret not in written
        assert secret[-24:] not in written
