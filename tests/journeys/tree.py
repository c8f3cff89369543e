"""A real `blackroad up` in processes of its own, and what is left of it afterwards."""

import asyncio
import os
import re
import select
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

START_SECONDS = 45.0
ADDRESSES = re.compile(r"http://(127\.0\.0\.1:\d+)\s|gRPC\s+(127\.0\.0\.1:\d+)")
PORTS = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--logging.level", "warning")


class Tree:
    """One running `up`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = ""
        self.http = ""
        self.grpc = ""

    async def up(self) -> None:
        """Return when it has printed where it is."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            while not (self.http and self.grpc):
                line = (await self.process.stdout.readline()).decode()
                assert line, f"it ended: {self.printed}"
                self.printed += line
                for http, grpc in ADDRESSES.findall(line):
                    self.http, self.grpc = http or self.http, grpc or self.grpc

    def children(self) -> dict[str, int]:
        """Return the processes of the parts, by name."""
        found: dict[str, int] = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                if b"blackroad.cli" in command:
                    part = command[command.index(b"blackroad.cli") + 1]
                    found[part.decode()] = int(child)
        return found

    async def ended(self) -> int:
        """Return the exit status."""
        async with asyncio.timeout(30):
            return await self.process.wait()


@asynccontextmanager
async def starting(
    folder: Path, *flags: str, environ: Mapping[str, str] | None = None
) -> AsyncGenerator[Tree]:
    """Start `up` with free ports; nothing of it is left afterwards."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BLACK")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "blackroad.cli", "up", *PORTS, *flags),
        cwd=folder,
        env=clean | {"COLUMNS": "100", "OLLAMA_HOST": "127.0.0.1:1"} | dict(environ or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Tree(process)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def until(condition: Callable[[], bool]) -> None:
    """Return when a condition of another process holds."""

    def poll() -> bool:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.02)
        return False

    assert await asyncio.to_thread(poll)


async def gone(pid: int) -> None:
    """Return when a process has ended, whoever's child it is."""
    async with asyncio.timeout(20):
        await asyncio.to_thread(_wait, pid)


def _wait(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([descriptor], [], [], 20)
    os.close(descriptor)
