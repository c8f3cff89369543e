"""`agent.run()` as a program: signals drain it, and a second one is the end."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE

from blackroad.client import Client, Text

PROGRAM = """
import asyncio
from blackroad.client import Agent

agent = Agent("SLOW", max_concurrency=2)

@agent.answer
async def answer(call):
    yield "begun"
    if call.text == "wait":
        await asyncio.Event().wait()
    await asyncio.sleep(0.5)
    yield " ended"

agent.run()
"""


async def program(core: str) -> asyncio.subprocess.Process:
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM), env=os.environ | {"BLACKROAD_URL": core}, stderr=PIPE
    )
    await logged(started, "SLOW is ready")
    return started


async def logged(process: asyncio.subprocess.Process, words: str) -> None:
    assert process.stderr is not None
    while words not in (said := (await process.stderr.readline()).decode()):
        assert said, "it ended without a word"


async def test_a_signal_lets_it_finish_what_runs(core: str, client: Client) -> None:
    async with asyncio.timeout(40):
        process = await program(core)
        answer = client.invoke("SLOW", "hi")
        while not isinstance(await anext(answer), Text):
            pass
        process.terminate()
        assert await answer.text() == " ended"
        await process.communicate()
        assert process.returncode == 0
        assert await client.presence("agent") == []


async def test_a_second_signal_ends_it_at_once(core: str, client: Client) -> None:
    async with asyncio.timeout(40):
        process = await program(core)
        answer = client.invoke("SLOW", "wait")
        while not isinstance(await anext(answer), Text):
            pass
        process.terminate()
        await logged(process, "draining on SIGTERM")
        process.terminate()
        await process.communicate()
        assert process.returncode == -signal.SIGTERM
        await answer.cancel()
