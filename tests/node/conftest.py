"""An edge for clients that run on Node or in Chromium; what they need is skipped where missing."""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, Coroutine
from pathlib import Path
from typing import Final, Protocol

import pytest
from playwright.async_api import Browser, async_playwright

from tests.edge.conftest import core, edge
from tests.edge.rig import Frame, an_object

__all__ = ["core", "edge"]
HERE: Final = Path(__file__).parent
SECONDS: Final = 20.0


class Run(Protocol):
    """Runs one chat of the AI SDK in Node."""

    def __call__(self, **asked: object) -> Coroutine[object, object, Frame]:
        """Return what became of it."""
        ...


async def node(*arguments: str) -> str:
    """Run a script of this folder, or a program of its packages; return what it prints."""
    program = await asyncio.create_subprocess_exec(
        *arguments, cwd=HERE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert program.returncode == 0, err.decode()
    return out.decode()


@pytest.fixture(scope="session")
def packages() -> Path:
    """Give the folder of the installed packages."""
    found = HERE / "node_modules"
    if not shutil.which("node") or not (found / ".installed").exists():
        pytest.skip("needs Node and `make tests/node/node_modules/.installed`")
    return found


@pytest.fixture
def chat(packages: Path) -> Run:
    """Give what runs one chat of the AI SDK in Node and returns what became of it."""
    del packages

    async def run(**asked: object) -> Frame:
        return an_object(json.loads(await node("node", "chat.js", json.dumps(asked))))

    return run


@pytest.fixture(scope="session", params=["ai-6", "ai-7"])
async def page(
    packages: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[str]:
    """Give the address of a page with useChat, of another origin than the edge's."""
    folder = tmp_path_factory.mktemp("page")
    build = [str(packages / ".bin" / "esbuild"), "pages/chat.jsx", "--bundle", "--jsx=automatic"]
    if request.param == "ai-7":
        build += ["--alias:ai=ai-7", "--alias:@ai-sdk/react=ai-react-4"]
    await node(*build, f"--outfile={folder / 'chat.js'}", '--define:process.env.NODE_ENV="test"')
    (folder / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><body><script type="module" src="chat.js"></script>'
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        name = line.partition("?")[0].removeprefix("/") or "index.html"
        found = folder / name
        kind = "text/javascript" if name.endswith(".js") else "text/html"
        status = "200 OK" if found.is_file() else "404 Not Found"
        body = found.read_bytes() if found.is_file() else b""
        head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
        writer.write(head.encode() + b"connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.fixture(scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """Give a Chromium."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Debian's chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        await chromium.close()
