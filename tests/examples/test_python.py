"""The Python examples do what they say, run as programs."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from blackroad.client import Client

EXAMPLES = Path(__file__).parents[2] / "examples/python"


@asynccontextmanager
async def running(core: str, name: str, *arguments: str) -> AsyncGenerator[Process]:
    """Run an example while the context lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLES / name), *arguments),
        env=os.environ | {"BLACKROAD_URL": core},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> str:
    """Return the next line that it prints."""
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().rstrip("\n")


async def log_line(process: Process, words: str) -> None:
    """Wait until it has logged a line with these words."""
    assert process.stderr is not None
    while words not in (said := (await process.stderr.readline()).decode()):
        assert said, "it ended without a word"


async def test_the_agent_answers_and_drains_on_sigterm(core: str) -> None:
    async with asyncio.timeout(40), running(core, "hello_agent.py") as agent:
        await log_line(agent, "HELLO is ready")
        async with running(core, "caller.py", "HELLO", "I am Ann") as caller:
            assert await line(caller) == "Hello! You said: I am Ann"
        agent.terminate()
        assert await agent.wait() == 0


async def test_the_follower_prints_what_the_publisher_publishes(core: str) -> None:
    async with asyncio.timeout(40), running(core, "follower.py", "news.>") as follower:
        assert (await line(follower)).startswith("following news.> ")
        async with running(core, "publisher.py", "news.today", "one", "two") as publisher:
            offset, event_id = (await line(publisher)).split()
            assert event_id.startswith("ev_")
            assert await publisher.wait() == 0
        channel, first, text, cursor = (await line(follower)).split()
        assert (channel, first, text) == ("news.today", offset, "one")
        async with running(core, "follower.py", "news.today", cursor) as resumed:
            await line(resumed)
            assert (await line(resumed)).split()[2] == "two"


async def test_an_agent_waits_for_a_core_that_is_not_there_yet(core: str) -> None:
    async with asyncio.timeout(40), running("grpc://127.0.0.1:1", "hello_agent.py") as agent:
        await log_line(agent, "trying again")
        agent.terminate()
        assert await agent.wait() == 0
    async with Client(core) as client:
        assert await client.presence("agent") == []
