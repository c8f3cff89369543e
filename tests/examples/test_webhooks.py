"""The webhooks of the how-to: signed, repeated until they are taken, resumed, never lost unsaid."""

import asyncio
import base64
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from blackroad.client import Client, Event
from tests.edge.rig import until

EXAMPLES = Path(__file__).parents[2] / "examples" / "webhooks"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
SECONDS = 30
Heard = asyncio.Queue[dict[str, str]]


@asynccontextmanager
async def running(folder: Path, core: str, name: str, *words: str) -> AsyncGenerator[Process]:
    """Run an example in a folder while the context lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLES / name), *words),
        cwd=folder,
        env=os.environ
        | {"BLACKROAD_URL": core, "WEBHOOK_SECRET": SECRET, "WEBHOOK_PAUSE": "0.01"}
        | {"WEBHOOK_ATTEMPTS": "6"},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> str:
    """Return the next line that it prints."""
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().rstrip("\n")


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncGenerator[tuple[str, Heard]]:
    """Run a receiver that answers with these statuses in turn, then 204; give what it heard."""
    answers, heard = list(statuses), Heard()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                pairs = (each.split(": ", 1) for each in head.splitlines()[1:] if each)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers["content-length"]))
                heard.put_nowait({**headers, "body": body.decode()})
                status = answers.pop(0) if answers else 204
                writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n".encode())
        except (asyncio.IncompleteReadError, ConnectionResetError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", heard


async def test_what_is_published_reaches_a_receiver_that_checks_it(
    core: str, tmp_path: Path
) -> None:
    async with asyncio.timeout(SECONDS), running(tmp_path, core, "receive.py", "0") as taker:
        url = await line(taker)
        async with running(tmp_path, core, "forward.py", "orders.>", url) as sender:
            assert await line(sender) == f"forwarding orders.> to {url}"
            async with Client(core) as client:
                await client.publish("orders.eu", {"n": 7}, "order.placed")
                assert await line(taker) == 'order.placed {"n": 7}'
        async with httpx.AsyncClient() as http:
            forged = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
            assert (await http.post(url, content=b"{}", headers=forged)).status_code == 401
            assert (await http.post(url, content=b"{}")).status_code == 401


async def contents(heard: Heard, count: int) -> list[object]:
    """Return what the next webhooks carry."""
    return [json.loads((await heard.get())["body"])["data"]["content"] for _ in range(count)]


async def test_it_repeats_what_passes_and_goes_on_in_order(core: str, tmp_path: Path) -> None:
    async with (
        asyncio.timeout(SECONDS),
        Client(core) as client,
        receiver(503, 429, 500) as (url, heard),
        running(tmp_path, core, "forward.py", "a", url) as sender,
    ):
        await line(sender)
        await client.publish("a", 1)
        await client.publish("a", 2)
        first = await heard.get()
        assert first["webhook-signature"].startswith("v1,")
        again = await heard.get()
        assert (again["webhook-id"], again["body"]) == (first["webhook-id"], first["body"])
        assert await contents(heard, 3) == [1, 1, 2]


async def test_started_again_it_goes_on_where_it_was(core: str, tmp_path: Path) -> None:
    place = tmp_path / "webhook.cursor"
    async with asyncio.timeout(SECONDS), Client(core) as client, receiver() as (url, heard):
        async with running(tmp_path, core, "forward.py", "a", url) as sender:
            await line(sender)
            await client.publish("a", "one")
            await until(place.exists)
        await client.publish("a", "two")
        async with running(tmp_path, core, "forward.py", "a", url):
            assert await contents(heard, 2) == ["one", "two"]


@pytest.mark.parametrize(("statuses", "why"), [((410,), "HTTP 410"), ((500,) * 6, "HTTP 500")])
async def test_what_is_not_taken_is_told_on_a_channel_and_the_next_goes_on(
    core: str, tmp_path: Path, statuses: tuple[int, ...], why: str
) -> None:
    async with (
        asyncio.timeout(SECONDS),
        Client(core) as client,
        receiver(*statuses) as (url, heard),
        running(tmp_path, core, "forward.py", "a", url) as sender,
        client.subscribe("webhooks.failed") as failures,
    ):
        await line(sender)
        await client.publish("a", "lost")
        await client.publish("a", "next")
        failed = await anext(failures)
        assert isinstance(failed, Event)
        assert isinstance(failed.content, dict)
        assert failed.content["why"] == why
        assert await contents(heard, len(statuses) + 1) == ["lost"] * len(statuses) + ["next"]
