"""The probes' server against those who do not ask properly."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from prometheus_client.registry import CollectorRegistry

from blackroad.core.door import probes
from blackroad.core.door.probes import Probes


@pytest.fixture
async def address() -> AsyncGenerator[tuple[str, int]]:
    async with Probes(CollectorRegistry(), lambda: True).open("127.0.0.1", 0) as address:
        host, _, port = address.rpartition(":")
        yield host, int(port)


async def asked(address: tuple[str, int], request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_a_probe_is_answered_and_the_connection_ends(address: tuple[str, int]) -> None:
    answer = await asked(address, b"GET /readyz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"ready\n")


async def test_a_head_above_the_bound_gets_no_answer(address: tuple[str, int]) -> None:
    assert await asked(address, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n") == b""
    assert b"200 OK" in await asked(address, b"GET /healthz HTTP/1.1\r\n\r\n")


async def test_half_a_request_does_not_hold_the_server(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "RECEIPT_SECONDS", 0.05)
    assert await asked(address, b"GET /healthz HT") == b""


@pytest.mark.parametrize("request_", [b"\r\n\r\n", b"\xff\xfe\r\n\r\n", b"BREW /healthz\r\n\r\n"])
async def test_what_is_no_get_is_405(address: tuple[str, int], request_: bytes) -> None:
    assert b"405" in await asked(address, request_)
