"""slowhttptest's attacks with 500 connections: others do not notice, and the attackers are gone."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pytest

from tests.hostile.target import Target, neighbour, sockets, until_sockets

pytestmark = pytest.mark.slow

CONNECTIONS: Final = 500
PER_SECOND: Final = 250
ATTACK_SECONDS: Final = 30
GONE_SECONDS: Final = 15.0
P99_SECONDS: Final = 0.05  # the test bears ten times: the machine has other work
QUIET_SECONDS: Final = 3.0
SPARE: Final = 10  # the neighbour's, the trunk's, and who may come and go
COMMON: Final = (
    "-c",
    str(CONNECTIONS),
    "-r",
    str(PER_SECOND),
    "-l",
    str(ATTACK_SECONDS),
    "-p",
    "5",
)
ATTACKS: Final = {
    "slow_headers": ("-H", "-i", "5", "-x", "24", "-u", "http://{}/healthz"),
    "slow_bodies": ("-B", "-i", "5", "-x", "24", "-s", "8192", "-u", "http://{}/v1/publish"),
    "ranges": ("-R", "-a", "1", "-b", "3000", "-u", "http://{}/openapi.json"),
    "slow_readers": (
        *("-X", "-w", "1", "-y", "10", "-n", "5", "-z", "1", "-k", "5"),
        *("-u", "http://{}/openapi.json"),
    ),
}


@asynccontextmanager
async def attacking(arguments: Sequence[str]) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run slowhttptest while the context lasts."""
    program = shutil.which("slowhttptest")
    if program is None:
        pytest.skip("needs Debian's slowhttptest")
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.timeout(90)
@pytest.mark.parametrize("attack", ATTACKS)
async def test_the_attackers_are_gone_soon_and_a_neighbour_does_not_notice(
    target: Target, attack: str
) -> None:
    pid = target.edge.process.pid
    before = sockets(pid)
    arguments = [part.format(target.http) for part in ATTACKS[attack]]
    async with neighbour(target) as alone:
        await asyncio.sleep(QUIET_SECONDS)
    quiet_seconds = alone.p99()  # a machine that is busy with other things is slow without attack
    async with neighbour(target) as talk, attacking([*COMMON, *arguments]) as process:
        most = 0
        for _ in range(round(10 * (CONNECTIONS / PER_SECOND + 1))):
            await asyncio.sleep(0.1)
            most = max(most, sockets(pid) - before)
        assert most > 50 or process.returncode is not None, "nobody has attacked"
        await until_sockets(pid, before + SPARE, GONE_SECONDS)
        print(f"{attack}: p99 {talk.p99():.4f} s, {quiet_seconds:.4f} s without attack")
        assert talk.p99() < 10 * P99_SECONDS
    target.check_alive()
