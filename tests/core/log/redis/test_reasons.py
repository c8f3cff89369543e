"""What is said to whoever looks why a log cannot be reached, or takes nothing."""

import asyncio
import signal

import pytest
from structlog.testing import capture_logs

from blackroad.core.clock import SystemClock
from blackroad.core.errors import Code
from blackroad.core.log.redis.address import read_address
from blackroad.core.log.redis.link import AwayError, Link
from blackroad.core.log.redis.log import RedisLog, RedisLogSettings
from blackroad.core.log.redis.places import places_of
from tests.contract.log.steps import ROOM, refused, request, say
from tests.core.log.redis.nodes import node, until
from tests.servers import Server


async def why_not(url: str) -> str:
    """Return why a log at an address cannot be reached."""
    link = Link(places_of(read_address(url), "blackroad"), 0)
    with pytest.raises(AwayError) as caught:
        await link.connect()
    return str(caught.value)


async def test_each_way_to_a_server_says_what_it_has_said(server: Server) -> None:
    server.ask("CONFIG", "SET", "requirepass", "open")
    at = f"127.0.0.1:{server.port}"
    assert "Authentication required" in await why_not(f"redis://{at}")
    assert "invalid username-password" in await why_not(f"redis://ann:no@{at}")
    assert "invalid username-password" in await why_not(f"redis+cluster://ann:no@{at}")
    assert "cluster support disabled" in await why_not(f"redis+cluster://:open@{at}")
    way = f"redis+sentinel://{at}/main?sentinel_password="
    assert "invalid username-password" in await why_not(f"{way}no")
    assert "unknown command 'SENTINEL'" in await why_not(f"{way}open")
    for scheme in ("redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/main"):
        assert "connecting to 127.0.0.1:1" in await why_not(scheme)


async def test_a_full_memory_is_told_once_and_so_is_its_end(server: Server) -> None:
    async with node(RedisLogSettings(server.address)) as log:
        await say(log, ROOM, "a")
        with capture_logs() as written:
            server.ask("CONFIG", "SET", "maxmemory", "1")
            for _ in range(5):
                assert (await refused(log, request(ROOM, "b"))).code is Code.UNAVAILABLE
            assert log.healthy
            server.ask("CONFIG", "SET", "maxmemory", "0")
            await say(log, ROOM, "c")
            await say(log, ROOM, "d")
    assert [line["event"] for line in written] == ["log.memory_full", "log.memory_free"]


async def test_who_waits_says_why_once_and_again_where_that_changes(server: Server) -> None:
    url = f"redis://ann:no@127.0.0.1:{server.port}"
    log = RedisLog(RedisLogSettings(read_address(url)), SystemClock())
    with capture_logs() as written:
        opening = asyncio.create_task(log.open())
        await until(lambda: len(written) == 1)
        server.ask("ACL", "SETUSER", "ann", "on", ">no", "-@all", "+@connection", "+info")
        await until(lambda: len(written) == 2)
        server.ask("ACL", "SETUSER", "ann", "~*", "+@all")
        await until(opening.done)
        await log.close()
    words = ("invalid username-password", "hsetnx")
    assert all(word in line["error"] for word, line in zip(words, written, strict=True))


async def test_a_server_that_hangs_is_said_not_to_answer(server: Server) -> None:
    async with node(RedisLogSettings(server.address)) as log:
        with capture_logs() as written:
            server.process.send_signal(signal.SIGSTOP)
            await until(lambda: not log.healthy, 60)
            server.process.send_signal(signal.SIGCONT)
            await until(lambda: log.healthy, 60)
    (lost,) = [line for line in written if line["event"] == "log.canary_lost"]
    assert lost["error"] == "no answer in time"
