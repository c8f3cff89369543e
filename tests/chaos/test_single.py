"""A fleet on one server of the log, and everything that can befall it."""

import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from blackroad.core.log.redis.embedded import server_binary
from tests.chaos.faults import of_engine_links, of_parts, of_server
from tests.chaos.fleet import Fleet
from tests.chaos.link import Link
from tests.chaos.storm import judge, storm
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.redis, pytest.mark.timeout(600)]


async def test_no_promise_is_broken_whatever_befalls_one_server(
    tmp_path: Path, one_loop: None
) -> None:
    del one_loop
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    server = Server(server_binary())
    try:
        async with AsyncExitStack() as stack:
            links = [await stack.enter_async_context(Link(server.port)) for _ in range(3)]
            engines = [f"redis://127.0.0.1:{link.port}" for link in links]
            fleet = await stack.enter_async_context(Fleet(engines))
            faults = of_parts(fleet) + of_engine_links(fleet, links) + of_server(server)
            history = await storm(
                fleet, faults, seed=seed, seconds=0, path=tmp_path / "history.jsonl"
            )
    finally:
        server.end()
    verdict = judge(history)
    print(verdict)
    assert not verdict.broken
