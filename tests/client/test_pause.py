"""What is waited for between two attempts: a connection, jitter, or what the server asked for."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import grpc
import pytest

from blackroad.client.address import Address
from blackroad.client.backoff import Backoff
from blackroad.client.dial import Dial
from blackroad.client.pause import Pause

WORKERS = 20


def longest(_: float, most: float) -> float:
    return most


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@asynccontextmanager
async def dialling(*ports: int) -> AsyncGenerator[Dial]:
    dial = Dial(Address.parse(",".join(f"127.0.0.1:{port}" for port in ports)), None)
    try:
        yield dial
    finally:
        await dial.close()


@asynccontextmanager
async def listening(port: int = 0) -> AsyncGenerator[int]:
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def elapsed(dial: Dial, pause: Pause, retry_after_seconds: float | None = None) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(20):
        await pause.rest(dial.turn, retry_after_seconds)
    return loop.time() - began


async def test_all_who_wait_for_a_connection_go_on_together_when_it_is_back() -> None:
    port, loop = free_port(), asyncio.get_running_loop()
    async with dialling(port) as dial:
        # What they have waited before counts for nothing: the next jitter would be 20 s.
        backoffs = [Backoff(longest) for _ in range(WORKERS)]
        for backoff in backoffs:
            for _ in range(10):
                backoff.next_seconds()
        waiting = [
            asyncio.create_task(Pause(dial, backoff).rest(dial.turn, None)) for backoff in backoffs
        ]
        await asyncio.wait(waiting, timeout=1.5)
        assert not any(task.done() for task in waiting)
        async with listening(port):
            back = loop.time()
            await asyncio.wait_for(asyncio.gather(*waiting), 10)
            assert loop.time() - back < 2.0


async def test_a_stream_that_fails_on_a_standing_connection_is_tried_by_jitter() -> None:
    async with listening() as port, dialling(port) as dial:
        await dial.connected()
        pause = Pause(dial, Backoff(longest))
        assert [round(await elapsed(dial, pause), 1) for _ in range(2)] == [0.5, 1.0]
        pause.worked()
        assert round(await elapsed(dial, pause), 1) == 0.5


@pytest.mark.slow
async def test_a_connection_that_is_lost_cuts_jitter_short_but_only_once() -> None:
    async with dialling(port := free_port()) as dial:
        backoff = Backoff(longest)
        for _ in range(3):
            backoff.next_seconds()
        pause = Pause(dial, backoff)
        async with listening(port):
            await dial.connected()
            resting = asyncio.create_task(elapsed(dial, pause))
            await asyncio.sleep(0)
        async with listening(port):
            assert await resting < 3.0, "the jitter was 4 s"
            assert await elapsed(dial, pause) >= 8.0, "it comes and goes: now jitter counts"


@pytest.mark.parametrize("connected", [True, False])
async def test_what_the_server_asked_for_is_waited_out(connected: bool) -> None:
    async with listening() as port, dialling(port) as dial:
        if connected:
            await dial.connected()
        assert await elapsed(dial, Pause(dial, Backoff(lambda _, __: 0.0)), 0.7) >= 0.69


async def test_with_several_targets_the_next_is_tried_at_once() -> None:
    async with listening() as port, dialling(free_port(), port) as dial:
        assert await elapsed(dial, Pause(dial, Backoff(longest))) < 2.0
        assert dial.target == f"127.0.0.1:{port}"


async def test_targets_that_are_all_away_are_tried_in_turn() -> None:
    away, port = free_port(), free_port()
    async with dialling(away, port) as dial:
        waiting = asyncio.create_task(dial.connected())
        await asyncio.wait({waiting}, timeout=1.2)
        assert not waiting.done()
        async with listening(port):
            await asyncio.wait_for(waiting, 10)
        assert dial.target == f"127.0.0.1:{port}"


async def test_many_that_fail_together_say_so_once() -> None:
    async with dialling(free_port()) as dial:
        assert [dial.is_news("away") for _ in range(3)] == [True, False, False]
        assert dial.is_news("something else")
