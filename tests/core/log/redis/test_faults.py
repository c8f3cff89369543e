"""What befalls the server: everybody is told, nothing is lost in silence, nothing comes twice."""

import asyncio
import signal
import time

import pytest

from blackroad.core.clock import SystemClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Appended, GapReason
from blackroad.core.log.redis.keys import Keys
from blackroad.core.log.redis.log import OtherLayoutError, RedisLog, RedisLogSettings
from tests.contract.log.steps import ROOM, catch_up, put, refused, request, say, texts
from tests.core.log.redis.nodes import following, node, until
from tests.servers import Server


def settings_of(server: Server, *, partitions: int = 1, replicas: int = 0) -> RedisLogSettings:
    """Return the settings of a log in a server."""
    return RedisLogSettings(server.address, partitions=partitions, replicas=replicas)


async def say_until_taken(log: RedisLog, text: str) -> Appended:
    """Append an event again and again until the log takes it."""
    async with asyncio.timeout(15):
        while True:
            (answer,) = await log.append([request(ROOM, text)])
            if isinstance(answer, Appended):
                return answer
            assert answer.code is Code.UNAVAILABLE, answer
            await asyncio.sleep(0.02)


async def test_a_restart_with_an_empty_memory_is_a_gap(server: Server) -> None:
    changes: list[bool] = []
    async with node(settings_of(server)) as log, following(log) as reader:
        log.changed = lambda healthy, _: changes.append(healthy)
        await say(log, ROOM, "a")
        after = log.heads()
        server.restart()
        await say_until_taken(log, "b")
        await until(lambda: len(reader.entries) == 2)
        assert reader.entries[1].epoch > reader.entries[0].epoch
        assert log.missing([ROOM], after) is GapReason.EPOCH_CHANGED
        await until(lambda: log.healthy)
        assert texts((await log.history(ROOM, 9)).entries) == ["b"]
    assert changes in ([], [False, True])


async def test_a_flush_is_a_gap_also_where_nothing_is_written(server: Server) -> None:
    async with node(settings_of(server)) as log, following(log) as reader:
        await say(log, ROOM, "a")
        after = log.heads()
        server.ask("FLUSHALL")
        await until(lambda: log.missing([ROOM], after) is GapReason.EPOCH_CHANGED)
        answer = await say(log, ROOM, "b")
        await until(lambda: len(reader.entries) == 2)
        assert reader.entries[1].position == answer.position > after[0]
        assert log.healthy


async def test_two_nodes_agree_on_the_epoch_after_a_flush(server: Server) -> None:
    async with node(settings_of(server)) as one, node(settings_of(server)) as other:
        await say(one, ROOM, "a")
        server.ask("FLUSHALL")
        answers = [await say_until_taken(log, "b") for log in (one, other, one)]
        assert len({answer.position.epoch for answer in answers}) == 1
        assert [answer.first_offset for answer in answers] == [1, 2, 3]


@pytest.mark.slow
async def test_while_the_server_hangs_publishing_fails_fast_and_nothing_comes_twice(
    server: Server,
) -> None:
    changes: list[bool] = []
    async with node(settings_of(server)) as log, following(log) as reader:
        log.changed = lambda healthy, _: changes.append(healthy)
        await say(log, ROOM, "before")
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        (hung,) = await log.append([request(ROOM, "hung")])
        assert isinstance(hung, Rejection)
        assert hung.code is Code.UNKNOWN
        assert time.monotonic() - began < 8
        await until(lambda: not log.healthy)
        began = time.monotonic()
        assert (await refused(log, request(ROOM, "no"))).code is Code.UNAVAILABLE
        assert time.monotonic() - began < 0.1
        server.process.send_signal(signal.SIGCONT)
        await until(lambda: log.healthy)
        await say(log, ROOM, "after")
        await until(lambda: texts(reader.entries)[-1] == "after")
    said = texts(reader.entries)
    assert said in (["before", "hung", "after"], ["before", "after"])
    assert changes == [False, True]


async def test_connections_that_break_cost_no_acknowledged_event_and_no_second_one(
    server: Server,
) -> None:
    async with node(settings_of(server)) as log, following(log) as reader:
        acknowledged: list[str] = []

        async def write(writer: int) -> None:
            for number in range(60):
                (answer,) = await log.append([request(f"{ROOM}.{writer}", f"{writer}:{number}")])
                if isinstance(answer, Appended):
                    acknowledged.append(f"{writer}:{number}")

        async with asyncio.TaskGroup() as writers:
            for writer in range(4):
                writers.create_task(write(writer))
            for _ in range(20):
                await asyncio.to_thread(server.ask, "CLIENT", "KILL", "TYPE", "normal")
                await asyncio.sleep(0.01)
        last = await say_until_taken(log, "end")
        await until(lambda: bool(reader.entries) and reader.entries[-1].position == last.position)
    opened = server.ask("INFO", "stats").split("total_connections_received:")[1].split()[0]
    assert int(opened) > 20
    said = texts(reader.entries)
    assert len(said) == len(set(said))
    assert set(acknowledged) <= set(said)
    sequences = [entry.sequence for entry in reader.entries]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_who_reads_after_a_connection_was_closed_does_not_notice(server: Server) -> None:
    async with node(settings_of(server)) as log:
        await say(log, ROOM, "a")
        for _ in range(3):
            server.ask("CLIENT", "KILL", "TYPE", "normal")
            assert texts((await log.history(ROOM, 9)).entries) == ["a"]


async def test_a_full_memory_refuses_and_is_no_end(server: Server) -> None:
    async with node(settings_of(server)) as log:
        await say(log, ROOM, "a")
        server.ask("CONFIG", "SET", "maxmemory", "1")
        refusal = await refused(log, request(ROOM, "b"))
        assert refusal.code is Code.UNAVAILABLE
        server.ask("CONFIG", "SET", "maxmemory", "0")
        await until(lambda: log.healthy)
        start = log.heads()
        await say(log, ROOM, "c")
        assert texts(await catch_up(log, [ROOM], start)) == ["c"]


async def test_what_is_past_its_time_goes_also_where_the_memory_is_full(server: Server) -> None:
    settings = RedisLogSettings(server.address, retain_seconds=1.0)
    async with node(settings) as log:
        await say(log, ROOM, "a", "b")
        server.ask("CONFIG", "SET", "maxmemory", "1")
        assert (await refused(log, request(ROOM, "c"))).code is Code.UNAVAILABLE
        kept = Keys(settings.prefix, 0).log
        await until(lambda: server.ask("XLEN", kept) == ":0\r\n", 30)
        assert log.healthy


async def test_a_node_waits_for_a_server_that_is_not_there_yet(server: Server) -> None:
    server.kill()
    log = RedisLog(settings_of(server), SystemClock())
    opening = asyncio.create_task(log.open())
    await asyncio.sleep(0.1)
    assert not opening.done()
    server.restart()
    await asyncio.wait_for(opening, 10)
    await say(log, ROOM, "a")
    await log.close()


async def test_fewer_replicas_than_asked_for_are_unknown(server: Server) -> None:
    async with node(settings_of(server, replicas=1)) as log:
        (answer,) = await log.append([request(ROOM, "a")])
        assert isinstance(answer, Rejection)
        assert answer.code is Code.UNKNOWN


async def test_another_number_of_partitions_is_refused(server: Server) -> None:
    async with node(settings_of(server, partitions=2)):
        pass
    with pytest.raises(OtherLayoutError, match="has 2 partitions, not 1"):
        async with node(settings_of(server)):
            pass
    async with node(settings_of(server, partitions=2)) as log:
        await say(log, ROOM, "a")


@pytest.mark.parametrize("partitions", [1, 4])
async def test_nodes_share_order_and_cursors(server: Server, partitions: int) -> None:
    settings = settings_of(server, partitions=partitions)
    async with (
        node(settings) as one,
        node(settings) as other,
        following(one) as here,
        following(other) as there,
    ):
        start = one.heads()
        for number in range(50):
            await say((one, other)[number % 2], ROOM, str(number))
        await until(lambda: len(here.entries) == len(there.entries) == 50)
        assert texts(here.entries) == texts(there.entries) == [str(n) for n in range(50)]
        middle = list(start)
        middle[here.entries[24].partition] = here.entries[24].position
        for log in (one, other):
            assert texts(await catch_up(log, [ROOM], tuple(middle))) == [
                str(number) for number in range(25, 50)
            ]
        async with node(settings) as late:
            assert texts(await catch_up(late, ["acme.>"], tuple(middle))) == [
                str(number) for number in range(25, 50)
            ]
            again = await put(late, request(ROOM, "x", idempotency=("ada", "k")))
        assert (await put(one, request(ROOM, "x", idempotency=("ada", "k")))).ids == again.ids
