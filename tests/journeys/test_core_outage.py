"""A core that was away for long costs about a second more, not the length of somebody's backoff."""

import asyncio
import sys
import time
from collections.abc import Callable

import httpx
import pytest

from tests.plain import TRUSTS_NOBODY
from tests.processes import part

pytestmark = pytest.mark.slow

AGENTS = {"LUCIDIA", "ALICE", "OCTAVIA", "PRISM", "ECHO"}
# Long enough for the waits of before, which doubled up to 20 s, to be far apart.
OUTAGE_SECONDS = 15.0
PROMISED_SECONDS = 2.0


async def seconds_until(condition: Callable[[], bool]) -> float:
    """Return after how long a condition of other processes came true."""
    began = time.monotonic()
    async with asyncio.timeout(10 * PROMISED_SECONDS):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.05)
    return time.monotonic() - began


async def test_all_agents_are_back_soon_after_the_core(room: str) -> None:
    del room  # asked for its event loop
    with part("core", GRPC="127.0.0.1:0") as core:
        address = core.addresses["grpc"]
        with (
            part("agents", CORE=address) as agents,
            part("edge", HTTP="127.0.0.1:0", CORE=address) as edge,
        ):
            http = f"http://{edge.addresses['http']}"

            def ready() -> bool:
                return httpx.get(f"{http}/readyz", verify=TRUSTS_NOBODY).status_code == 200

            def registered() -> bool:
                agents = (
                    httpx.get(f"{http}/v1/agents", verify=TRUSTS_NOBODY).json().get("items", ())
                )
                return {agent["entity_id"] for agent in agents} >= AGENTS

            await seconds_until(registered)
            await asyncio.to_thread(core.process.kill)
            await asyncio.sleep(OUTAGE_SECONDS)
            with part("core", GRPC=address):
                edge_seconds = await seconds_until(ready)
                agents_seconds = await seconds_until(registered)
                figures = (
                    f"edge {edge_seconds:.2f} s, agents {agents_seconds:.2f} s after the core\n"
                )
                sys.stdout.write(figures)
                assert agents_seconds < PROMISED_SECONDS, agents.process.output
