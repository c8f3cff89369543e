"""What asks for replicas waits for them, and nobody else does."""

import asyncio
import signal
import time
from collections.abc import Generator

import pytest

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Append, Appended
from blackroad.core.log.redis.embedded import server_binary
from blackroad.core.log.redis.log import RedisLogSettings
from tests.contract.log.steps import ROOM, record, say
from tests.core.log.redis.nodes import node
from tests.servers import Server, wait_until


@pytest.fixture
def replica(server: Server) -> Generator[Server]:
    """Return a replica of the test's server, once it follows."""
    server.ask("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    replica = Server(server_binary(), "--replicaof", f"127.0.0.1 {server.port}")
    wait_until(lambda: "state=online" in server.ask("INFO", "replication"))
    yield replica
    replica.end()


def replicated(text: str) -> Append:
    return Append(ROOM, [record(text)], replicated=True)


async def test_what_a_replica_has_is_published(server: Server, replica: Server) -> None:
    async with node(RedisLogSettings(server.address)) as log:
        (answer,) = await log.append([replicated("a")])
        assert isinstance(answer, Appended)
        assert "message" in replica.ask("XRANGE", "blackroad:{blackroad-0}:log", "-", "+")


async def test_without_a_replica_it_is_unknown_then_refused_and_others_do_not_wait(
    server: Server,
) -> None:
    async with node(RedisLogSettings(server.address)) as log:
        await say(log, ROOM, "a")
        (answer,) = await log.append([replicated("b")])
        assert isinstance(answer, Rejection)
        assert answer.code is Code.UNKNOWN
        began = time.monotonic()
        (answer,) = await log.append([replicated("c")])
        assert isinstance(answer, Rejection)
        assert answer.code is Code.UNAVAILABLE
        await say(log, ROOM, "d")
        assert time.monotonic() - began < 0.9  # a second is what replicas are waited for


async def test_who_asks_for_no_replica_is_answered_before_those_who_do(
    server: Server, replica: Server
) -> None:
    async with node(RedisLogSettings(server.address)) as log:
        replica.process.send_signal(signal.SIGSTOP)
        slow = asyncio.create_task(log.append([replicated("a")]))
        await asyncio.sleep(0)
        (answer,) = await log.append([Append(ROOM, [record("b")])])
        assert isinstance(answer, Appended)
        assert not slow.done()
        replica.process.send_signal(signal.SIGCONT)
        await slow
