"""Another server takes over: Sentinel's fail-over, and a slot of a Cluster that moves."""

import asyncio
import signal
from collections.abc import Generator
from dataclasses import replace

import pytest
from redis.crc import key_slot

from blackroad.core.log.base import Appended
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.log import RedisLog, RedisLogSettings
from tests.contract.log.steps import ROOM, request, say, texts
from tests.core.log.redis.nodes import following, node, until
from tests.servers import Cluster, Sentinels

pytestmark = pytest.mark.slow


@pytest.fixture
def sentinels() -> Generator[Sentinels]:
    """Return a master of the test's own, with a replica."""
    sentinels = Sentinels()
    yield sentinels
    sentinels.end()


@pytest.fixture
def cluster() -> Generator[Cluster]:
    """Return a cluster of the test's own."""
    cluster = Cluster()
    yield cluster
    cluster.end()


async def say_until_taken(log: RedisLog, text: str) -> Appended:
    """Append an event again and again, with one key, until it is known to be in the log."""
    async with asyncio.timeout(30):
        while True:
            (answer,) = await log.append([request(ROOM, text, idempotency=("ada", text))])
            if isinstance(answer, Appended):
                return answer
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_a_fail_over_is_told_and_loses_nothing_that_a_replica_had(
    sentinels: Sentinels, fault: signal.Signals
) -> None:
    settings = RedisLogSettings(sentinels.address)
    async with node(settings) as log, following(log) as reader:
        async with node(replace(settings, replicas=1)) as careful:
            await say(careful, ROOM, "a", "b")
        sentinels.master.process.send_signal(fault)
        after = await say_until_taken(log, "c")
        await until(lambda: texts(reader.entries)[-1] == "c")
        assert texts(reader.entries) == ["a", "b", "c"]
        assert after.position.epoch > reader.entries[0].epoch
        assert after.first_offset == reader.entries[1].offset + 1
        assert texts((await log.history(ROOM, 9)).entries) == ["a", "b", "c"]


async def test_a_slot_that_moves_costs_an_epoch_and_no_event(cluster: Cluster) -> None:
    settings = RedisLogSettings(cluster.address, partitions=1)
    async with node(settings) as log, following(log) as reader:
        await say(log, ROOM, "a")
        writing = asyncio.create_task(_write(log))
        slot = key_slot(Keys(settings.prefix, 0).log.encode())
        await asyncio.to_thread(cluster.move, slot)
        await say_until_taken(log, "after")
        said = await writing
        last = await say_until_taken(log, "end")
        await until(lambda: reader.entries[-1].position == last.position)
    found = texts(reader.entries)
    assert len(found) == len(set(found))
    assert set(said) <= set(found)
    offsets = [entry.offset for entry in reader.entries]
    assert offsets == list(range(1, len(offsets) + 1))
    assert reader.entries[-1].epoch > reader.entries[0].epoch


async def _write(log: RedisLog) -> list[str]:
    said: list[str] = []
    for number in range(100):
        (answer,) = await log.append([request(ROOM, str(number))])
        if isinstance(answer, Appended):
            said.append(str(number))
        await asyncio.sleep(0.005)
    return said
