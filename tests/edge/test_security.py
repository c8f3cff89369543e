"""What every answer tells a browser to be careful with, whoever gives it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from blackroad.edge.security import SECURITY_HEADERS
from blackroad.edge.server import Edge
from blackroad.edge.settings import Address, EdgeLimits, EdgeSettings
from tests.edge.rig import SECONDS, EdgeRig, running

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
EVENTS: Final = "text/event-stream; charset=utf-8"
FRIEND: Final = "https://friend.example"
# Every kind of answer: method, path, status, type.
KINDS: Final = (
    ("GET", "/", 200, "text/html; charset=utf-8"),
    ("GET", "/docs", 200, "text/html; charset=utf-8"),
    ("GET", "/pages/docs.js", 200, "text/javascript; charset=utf-8"),
    ("GET", "/console/console.js", 200, "text/javascript; charset=utf-8"),
    ("GET", "/console/console.svg", 200, "image/svg+xml"),
    ("GET", "/pages/pages.css", 200, "text/css; charset=utf-8"),
    ("GET", "/openapi.json", 200, JSON),
    ("GET", "/asyncapi.json", 200, JSON),
    ("GET", "/protos", 200, "application/x-protobuf"),
    ("GET", "/healthz", 200, JSON),
    ("GET", "/metrics", 200, "text/plain; version=1.0.0; charset=utf-8"),
    ("GET", "/v1/channels", 200, JSON),
    ("GET", "/events/ann", 200, EVENTS),
    ("GET", "/v1/chat/ui/none/stream", 204, ""),
    ("GET", "/v1/models/none", 404, JSON),
    ("GET", "/v1/streams/none", 404, PROBLEM),
    ("GET", "/nothing", 404, PROBLEM),
    ("DELETE", "/broadcast", 405, PROBLEM),
    ("POST", "/v1/publish", 400, PROBLEM),
    ("POST", "/events/ann", 405, PROBLEM),
    ("GET", "/events/ann?history=x", 400, PROBLEM),
    ("HEAD", "/docs", 200, "text/html; charset=utf-8"),
)


@asynccontextmanager
async def answer(
    http: httpx.AsyncClient, method: str, path: str, headers: Mapping[str, str] | None = None
) -> AsyncGenerator[httpx.Response]:
    async with http.stream(method, path, headers=headers) as found:
        yield found


@pytest.fixture
async def friendly(core: str) -> AsyncGenerator[EdgeRig]:
    """Give an edge that pages of another origin may use."""
    settings = EdgeSettings(
        http=Address(port=0),
        core=(core,),
        origins=(FRIEND,),
        limits=EdgeLimits(drain_seconds=0.1),
    )
    async with running(Edge(settings)) as rig:
        await rig.edge.context.trunk.link()
        yield rig


@pytest.mark.parametrize(("method", "path", "status", "kind"), KINDS)
async def test_every_kind_of_answer_has_the_headers(
    edge: EdgeRig, method: str, path: str, status: int, kind: str
) -> None:
    async with edge.http() as http, answer(http, method, path) as found:
        assert found.status_code == status
        assert found.headers.get("content-type", "") == kind
        assert SECURITY_HEADERS.items() <= dict(found.headers).items()
        assert "access-control-allow-origin" not in found.headers
        assert "server" not in found.headers


async def test_an_answer_that_goes_on_has_the_headers(edge: EdgeRig, agent: str) -> None:
    body = {"prompt": "one", "agent": agent}
    async with edge.http() as http:
        for path in ("/v1/chat/stream", "/v1/streams"):
            asked = await http.post(path, json=body)
            assert asked.status_code in {200, 201}
            assert SECURITY_HEADERS.items() <= dict(asked.headers).items(), path


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9000000\r\n\r\n", 413),
        (b"nonsense\r\n\r\n", 400),
    ],
    ids=["head", "body", "nonsense"],
)
async def test_a_refusal_of_what_cannot_be_read_has_the_headers(
    edge: EdgeRig, request_head: bytes, status: int
) -> None:
    host, _, port = edge.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_head)
    async with asyncio.timeout(SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    writer.close()
    assert head.startswith(f"http/1.1 {status} ")
    for name, value in SECURITY_HEADERS.items():
        assert f"\r\n{name}: {value.lower()}\r\n" in head, name


@pytest.mark.parametrize(
    ("path", "origin", "status"),
    [("/nothing", None, 404), ("/ws/ann", "https://evil.example", 403)],
)
async def test_a_refused_handshake_has_the_headers(
    edge: EdgeRig, path: str, origin: str | None, status: int
) -> None:
    shown = None if origin is None else Origin(origin)
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://{edge.address}{path}", origin=shown):
            pass
    response = refused.value.response
    assert response.status_code == status
    found = {name.lower(): value for name, value in response.headers.raw_items()}
    assert found.items() >= SECURITY_HEADERS.items()


def test_the_headers_say_what_they_should() -> None:
    policy = dict(part.strip().split(" ", 1) for part in _policy().split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "unsafe" not in _policy()
    assert "http" not in _policy()
    assert SECURITY_HEADERS["x-frame-options"] == "DENY"
    assert SECURITY_HEADERS["x-content-type-options"] == "nosniff"
    assert SECURITY_HEADERS["referrer-policy"] == "no-referrer"


def _policy() -> str:
    return SECURITY_HEADERS["content-security-policy"]


@pytest.mark.parametrize(("method", "path", "status", "kind"), KINDS)
async def test_a_listed_origin_may_read_every_kind_of_answer_and_another_none(
    friendly: EdgeRig, method: str, path: str, status: int, kind: str
) -> None:
    del kind
    async with friendly.http() as http:
        async with answer(http, method, path, {"origin": FRIEND}) as found:
            assert found.status_code == status
            assert found.headers["access-control-allow-origin"] == FRIEND
            assert "Origin" in found.headers["vary"]
            assert found.headers["cross-origin-resource-policy"] == "cross-origin"
        for origin in (
            "https://evil.example",
            "null",
            f"{FRIEND}.evil.example",
            "http://friend.example",
        ):
            async with answer(http, method, path, {"origin": origin}) as found:
                assert found.status_code == 403
                assert "access-control-allow-origin" not in found.headers
                assert SECURITY_HEADERS.items() <= dict(found.headers).items()
