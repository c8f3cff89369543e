"""Input that is made to hurt: each has its documented answer, and a neighbour does not notice."""

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.edge.transport.wire import KEY, UPGRADE, masked
from tests.hostile.target import Target, neighbour

MIB = 1 << 20
HEAD = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n"
DEEP = "[" * 100_000
CONTENTS = {
    "deep": '{"type": "message", "room": "r", "content": ' + DEEP,
    "deep_and_closed": '{"type": "message", "room": "r", "content": ' + "[" * 40 + "]" * 40 + "}",
    "wide": '{"type": "message", "room": "r", "content": [' + "0," * 100_000 + "0]}",
    "nan": '{"type": "message", "room": "r", "content": NaN}',
    "twice": '{"type": "message", "room": "r", "content": 1, "content": 2}',
    "lone_surrogate": '{"type": "message", "room": "r", "content": "\\ud800"}',
    "many_keys": "{" + ",".join(f'"k{n}":1' for n in range(100_000)) + "}",
}
CODES = {"wide": "too_large", "many_keys": "missing_field"}


async def ask(target: Target, request: bytes) -> bytes:
    """Send bytes on a connection of its own; return all that comes until it ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.http_port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()


@pytest.mark.parametrize("name", CONTENTS)
async def test_a_json_bomb_on_a_websocket_is_answered_and_the_session_lives(
    target: Target, name: str
) -> None:
    async with neighbour(target), connect(f"ws://{target.http}/ws/mallory") as socket:
        await socket.recv()
        await socket.send(CONTENTS[name])
        await socket.send('{"type": "ping", "id": "alive"}')
        seen: set[object] = set()
        async with asyncio.timeout(10):
            while not {"pong", CODES.get(name, "bad_frame")} <= seen:
                frame = json.loads(await socket.recv())
                seen |= {frame["type"], frame.get("code")}


async def test_a_json_bomb_over_http_is_a_problem_document(target: Target) -> None:
    body = b'{"channel": "r", "content": ' + DEEP.encode()
    async with neighbour(target), httpx.AsyncClient(base_url=f"http://{target.http}") as http:
        answer = await http.post(
            "/v1/publish", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "bad_frame"
        assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (HEAD + b"x: " + b"a" * MIB + b"\r\n\r\n", 431),
        (HEAD + b"x: a\r\n" * 20_000 + b"\r\n", 431),
        (b"GET /" + b"a" * MIB + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431),
        (b"POST /v1/publish HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9000000\r\n\r\n", 413),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (HEAD + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST /v1/publish HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: -5\r\n\r\n", 400),
    ],
    ids=["header", "headers", "path", "body", "tls", "http2", "smuggling", "negative"],
)
async def test_a_head_that_is_too_much_has_its_status(
    target: Target, request_bytes: bytes, status: int
) -> None:
    async with neighbour(target):
        answer = await ask(target, request_bytes)
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:100]
        assert b"application/problem+json" in answer


async def test_a_frame_that_never_ends_is_1009_as_soon_as_it_says_how_long(target: Target) -> None:
    async with neighbour(target):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.http_port)
        writer.write(UPGRADE.replace(b"/ws", b"/ws/m").replace(b" x\r", b" localhost\r"))
        writer.write(KEY + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(masked(0x81, b"x" * 1000, announced=1 << 40))
        data = await asyncio.wait_for(reader.read(), 10)
        assert b"\x03\xf1" in data[-130:], "1009"
        writer.close()


async def test_fragments_that_never_end_are_1009_at_the_limit(target: Target) -> None:
    async with neighbour(target):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.http_port)
        writer.write(UPGRADE.replace(b"/ws", b"/ws/m").replace(b" x\r", b" localhost\r"))
        writer.write(KEY + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(masked(0x01, b"x"))
        reading = asyncio.ensure_future(reader.read())
        for _ in range(7 * 16):
            if reading.done():
                break
            writer.write(masked(0x00, b"x" * 65_000))
            await asyncio.sleep(0.005)
        assert b"\x03\xf1" in (await asyncio.wait_for(reading, 10))[-130:], "1009"
        writer.close()


@pytest.mark.slow
async def test_half_a_handshake_is_408_after_ten_seconds(target: Target) -> None:
    async with neighbour(target) as talk:
        begun = asyncio.get_running_loop().time()
        answer = await ask(target, UPGRADE)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert 9 < asyncio.get_running_loop().time() - begun < 30
        assert talk.p99() < 0.5
