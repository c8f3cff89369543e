"""Processes of a benchmark: started on loopback and free ports, read from outside, always ended."""

import os
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blackroad.cli.parts.child import Child

GRACE_SECONDS: Final = 20.0
PAGE: Final = os.sysconf("SC_PAGE_SIZE")

RAISED: Final = (
    *("--limits.user.messages-per-second", "1000000000"),
    *("--limits.user.burst-limit", "1000000000"),
    *("--limits.service.messages-per-second", "1000000000"),
    *("--limits.service.burst-limit", "1000000000"),
    *("--limits.user.commands-per-second", "1000000000"),
    *("--limits.user.commands-burst", "1000000000"),
    *("--limits.service.commands-per-second", "1000000000"),
    *("--limits.service.commands-burst", "1000000000"),
    *("--edge.max-messages-per-second", "1000000000"),
    *("--edge.max-bytes-per-second", "1000000000000"),
)
"""The only settings that are not the defaults, beside free ports and quiet logs."""

FLAGS: Final = (
    *("--http", "127.0.0.1:0"),
    *("--grpc", "127.0.0.1:0"),
    *("--logging.level", "error"),
    *RAISED,
)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return what the processes have used of a CPU, in user and kernel, threads included.

    By each process's CPU clock, as clock_getcpuclockid(3) names it: /proc/PID/stat says the same in
    steps of 10 ms.
    """
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def resident_bytes(pid: int) -> int:
    """Return how much of a process is in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


@dataclass(frozen=True, slots=True)
class Installation:
    """A running core and edge of ours, and agents where they were asked for."""

    grpc: str
    http: str
    pids: Mapping[str, int]

    @property
    def grpc_port(self) -> int:
        """Where agents and services connect."""
        return int(self.grpc.rpartition(":")[2])

    @property
    def http_port(self) -> int:
        """Where browsers connect."""
        return int(self.http.rpartition(":")[2])


@asynccontextmanager
async def installation(*, edge: bool = True, ollama_port: int = 0) -> AsyncGenerator[Installation]:
    """Start the parts of `blackroad up` as it does, and end them after.

    The agents and models are among them only where there is an Ollama for them.
    """
    names = _environ() | {"OLLAMA_HOST": f"127.0.0.1:{ollama_port}"}
    parts = ["core"] + ["agents"] * bool(ollama_port) + ["edge"] * edge
    children: list[Child] = []
    addresses: dict[str, str] = {}
    try:
        for part in parts:
            flags = (*FLAGS, "--core", addresses["grpc"]) if addresses else FLAGS
            child = await Child.start(part, flags, names)
            children.append(child)
            addresses |= await child.ready()
        pids = {child.name: child.pid for child in children}
        yield Installation(addresses["grpc"], addresses.get("http", ""), pids)
    finally:
        for child in reversed(children):
            child.drain()
            await child.end(GRACE_SECONDS)


@dataclass(frozen=True, slots=True)
class Core:
    """A running core of a fleet."""

    grpc: str
    pid: int


@asynccontextmanager
async def cores(count: int, log: str, *flags: str) -> AsyncGenerator[Sequence[Core]]:
    """Start so many cores on one log, and end them after."""
    children: list[Child] = []
    try:
        found: list[Core] = []
        for _ in range(count):
            child = await Child.start("core", (*FLAGS, "--log", log, *flags), _environ())
            children.append(child)
            found.append(Core((await child.ready())["grpc"], child.pid))
        yield found
    finally:
        for child in reversed(children):
            child.drain()
            await child.end(GRACE_SECONDS)


def _environ() -> dict[str, str]:
    """Return this environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BLACKROAD")}
