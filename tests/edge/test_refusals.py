"""Whoever refuses a request: a whole problem document, and the headers of every answer."""

import asyncio
import json

import pytest

from blackroad.edge.errors import MEANINGS
from blackroad.edge.security import SECURITY_HEADERS
from blackroad.edge.transport.refusal import refusal
from tests.edge.rig import SECONDS, EdgeRig, Frame, an_object

UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
REQUESTS = {
    "an unknown path": ("GET /nope HTTP/1.1\r\n", 404, "not_found"),
    "an unknown method": ("DELETE /broadcast HTTP/1.1\r\n", 405, "unimplemented"),
    "no HTTP": ("so what\r\n", 400, "bad_frame"),
    "a large head": (f"GET / HTTP/1.1\r\na: {'b' * 17_000}\r\n", 431, "too_large"),
    "a large body": (
        "POST /v1/publish HTTP/1.1\r\ncontent-length: 9000000\r\n",
        413,
        "too_large",
    ),
    "another version": (
        f"GET /ws/a HTTP/1.1\r\n{UPGRADE}Sec-WebSocket-Version: 8\r\n".format(key=KEY),
        426,
        "bad_frame",
    ),
    "a key that is none": (
        f"GET /ws/a HTTP/1.1\r\n{UPGRADE}Sec-WebSocket-Version: 13\r\n".format(key="x"),
        400,
        "bad_frame",
    ),
    "a socket to nowhere": (
        f"GET /nope HTTP/1.1\r\n{UPGRADE}Sec-WebSocket-Version: 13\r\n".format(key=KEY),
        404,
        "not_found",
    ),
    "a foreign origin": (
        f"GET /ws/a HTTP/1.1\r\n{UPGRADE}Sec-WebSocket-Version: 13\r\n".format(key=KEY)
        + "Origin: http://evil.example\r\n",
        403,
        "forbidden",
    ),
    "a foreign origin's request": (
        "GET /healthz HTTP/1.1\r\nOrigin: http://evil.example\r\n",
        403,
        "forbidden",
    ),
}


async def ask(edge: EdgeRig, request: str) -> tuple[int, dict[str, str], Frame]:
    """Return status, headers and document."""
    host, port = edge.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request.encode())
        async with asyncio.timeout(SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = dict(line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): value for name, value in fields.items()}
            body = await reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, an_object(json.loads(body))
    finally:
        writer.close()


@pytest.mark.parametrize("what", REQUESTS)
async def test_a_refusal_is_a_whole_problem(edge: EdgeRig, what: str) -> None:
    request, status, code = REQUESTS[what]
    answer = await ask(edge, f"{request}Host: {edge.address}\r\n\r\n")
    check(answer, status, code)


@pytest.mark.parametrize("status", [400, 403, 404, 408, 413, 426, 429, 431, 500, 503])
def test_what_the_transport_refuses_is_as_whole(status: int) -> None:
    head, _, body = refusal(status).decode().partition("\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    document = an_object(json.loads(body))
    check((status, fields, document), status, str(document["code"]))
    assert document["retryable"] is MEANINGS[str(document["code"])].retryable


async def test_a_fault_of_ours_is_a_whole_problem(
    edge: EdgeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise RuntimeError("never shown")

    monkeypatch.setattr(edge.edge.context.trunk, "link", fail)
    async with edge.http() as http:
        answer = await http.get("/v1/agents")
    assert "never shown" not in answer.text
    check((answer.status_code, dict(answer.headers), answer.json()), 500, "internal")


def check(answer: tuple[int, dict[str, str], Frame], status: int, code: str) -> None:
    """Check everything that all refusals have in common."""
    found, headers, document = answer
    assert (found, document["status"], document["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == "no-store"
    assert SECURITY_HEADERS.items() <= headers.items()
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["detail"]
    assert isinstance(document["retryable"], bool)
