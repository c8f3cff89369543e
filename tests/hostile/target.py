"""A core and an edge to attack, read from outside, and a neighbour whose messages go round."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from websockets.asyncio.client import ClientConnection, connect

from tests.processes import Part, alive, part

ROUND_SECONDS: Final = 0.02
RAISED: Final = {
    "LIMITS__USER__MESSAGES_PER_SECOND": "100000",
    "LIMITS__USER__BURST_LIMIT": "100000",
    "LIMITS__USER__COMMANDS_PER_SECOND": "100000",
    "LIMITS__USER__COMMANDS_BURST": "100000",
    "LIMITS__SERVICE__MESSAGES_PER_SECOND": "100000",
    "LIMITS__SERVICE__BURST_LIMIT": "100000",
    "LOGGING__LEVEL": "error",
}
MIB: Final = 1 << 20
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Target:
    """The two processes."""

    core: Part
    edge: Part

    @property
    def http(self) -> str:
        return self.edge.addresses["http"]

    @property
    def grpc(self) -> str:
        return self.core.addresses["grpc"]

    @property
    def http_port(self) -> int:
        return int(self.http.rpartition(":")[2])

    def check_alive(self) -> None:
        """Fail where one has died of it."""
        for one in (self.core, self.edge):
            assert alive(one.process.pid), one.process.output


@contextmanager
def attacked(**settings: str) -> Generator[Target]:
    """Run the two parts on free ports, with raised rates: what is tested is everything else."""
    raised = {**RAISED, **settings}
    with (
        part("core", GRPC="127.0.0.1:0", **raised) as core,
        part("edge", HTTP="127.0.0.1:0", CORE=core.addresses["grpc"], **raised) as edge,
    ):
        yield Target(core, edge)


def resident_bytes(pid: int) -> int:
    """Return how much of a process is in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def sockets(pid: int) -> int:
    """Count the sockets that a process has open."""
    count = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


async def until_sockets(pid: int, most: int, seconds: float) -> float:
    """Return after how many seconds a process has no more than so many; fail after `seconds`."""
    begun = time.monotonic()
    while (count := sockets(pid)) > most:
        assert time.monotonic() - begun < seconds, f"{count} sockets are still open"
        await asyncio.sleep(0.1)
    return time.monotonic() - begun


@dataclass
class Neighbour:
    """Says something every 20 ms and hears it; how long each took."""

    seconds: list[float] = field(default_factory=list)

    def p99(self) -> float:
        """Return the time that one in a hundred exceeds."""
        assert len(self.seconds) > 50, "it has hardly said anything"
        return sorted(self.seconds)[int(len(self.seconds) * 0.99) - 1]

    async def talk(self, socket: ClientConnection, room: str) -> None:
        """Talk until cancelled."""
        number = 0
        while True:
            number += 1
            begun = time.perf_counter()
            said = {"type": "message", "room": room, "content": number}
            await socket.send(json.dumps(said))
            async with asyncio.timeout(10):
                while json.loads(await socket.recv()).get("content") != number:
                    pass
            self.seconds.append(time.perf_counter() - begun)
            await asyncio.sleep(ROUND_SECONDS)


@asynccontextmanager
async def neighbour(target: Target) -> AsyncGenerator[Neighbour]:
    """Talk while the context lasts; whatever the attack, each message must come round."""
    room = f"neighbours.{time.monotonic_ns()}"
    talk = Neighbour()
    async with connect(f"ws://{target.http}/ws/neighbour") as socket:
        await socket.send(json.dumps({"type": "subscribe", "room": room}))
        while json.loads(await socket.recv())["type"] != "caught_up":
            pass
        async with asyncio.TaskGroup() as tasks:
            talking = tasks.create_task(talk.talk(socket, room))
            yield talk
            before = len(talk.seconds)
            async with asyncio.timeout(10):
                while len(talk.seconds) < before + 3:  # noqa: ASYNC110 - nobody tells of it
                    await asyncio.sleep(0.01)
            talking.cancel()
