"""AutoGen's distributed runtime: a host, an agent that answers and one that asks, over gRPC."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.calls.order import PROMPT, Ask, Asked
from benchmarks.harness.remote import RemoteFailed
from benchmarks.peers.environment import Environment

ENVIRONMENT: Final = Environment("autogen", ("autogen-core==0.7.5", "autogen-ext[grpc]==0.7.5"))
PROGRAM: Final = Path(__file__).parent / "foreign" / "autogen_runtime.py"
ANSWER_SECONDS: Final = 120.0
END_SECONDS: Final = 5.0
LINE_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Party:
    """One process of it, told by lines of JSON."""

    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    async def ask(self, order: Ask) -> Asked:
        """Have it make calls."""
        assert self.process.stdin is not None
        line = json.dumps((order.calls, order.flight, PROMPT)) + "\n"
        self.process.stdin.write(line.encode())
        return Asked(json.loads(await self.said()))

    async def said(self) -> bytes:
        """Return what it says next. Raises `RemoteFailed`."""
        assert self.process.stdout is not None
        async with asyncio.timeout(ANSWER_SECONDS):
            line = await self.process.stdout.readline()
        if not line:
            raise RemoteFailed("a process of AutoGen's has ended")
        return line


@dataclass(frozen=True, slots=True)
class Runtime:
    """All of it."""

    host: Party
    worker: Party
    caller: Party


@asynccontextmanager
async def runtime() -> AsyncGenerator[Runtime]:
    """Run one of each while the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(_party("host", address))
        worker = await stack.enter_async_context(_party("work", address))
        caller = await stack.enter_async_context(_party("call", address))
        yield Runtime(host, worker, caller)


@asynccontextmanager
async def _party(role: str, address: str) -> AsyncGenerator[Party]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(str(ENVIRONMENT.bin / "python"), str(PROGRAM), role, address),
        stdin=pipe,
        stdout=pipe,
        limit=LINE_BYTES,
    )
    party = Party(process)
    try:
        await party.said()
        yield party
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
