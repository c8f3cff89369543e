"""A program that runs one event loop after the other, as tests and notebooks do."""

import sys

import pytest

from tests.processes import running

LOOPS = """
import asyncio, sys
import uvloop
from blackroad.client import Client

errors = []

async def use(core, leave):
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    client = Client(core, timeout_seconds=20)
    for n in range(3):
        await client.publish("room", n)
    async with asyncio.TaskGroup() as tasks:
        subscriptions = [client.subscribe("room", history=1) for _ in range(5)]
        for each in subscriptions:
            tasks.create_task(anext(each))
    if leave == "closed":
        await client.close()

for n in range(20):
    for leave in ("closed", "open"):
        for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(use(sys.argv[1], leave))
print("errors:", errors)
"""


@pytest.mark.slow
async def test_what_comes_late_for_one_loop_harms_no_other(core: str) -> None:
    import anyio.to_thread

    def run() -> str:
        with running([sys.executable, "-c", LOOPS, core], {}) as process:
            assert process.wait(50) == 0, process.output
            return process.output

    output = await anyio.to_thread.run_sync(run)
    assert output.splitlines()[-1] == "errors: []"  # before it, perhaps that it had to slow down


def test_a_closed_loop_takes_no_offence() -> None:
    import asyncio

    from blackroad.client.late import drop_what_comes_late

    loop, heard = asyncio.new_event_loop(), list[str]()
    drop_what_comes_late(loop)
    drop_what_comes_late(loop)
    loop.call_soon_threadsafe(heard.append, "in time")
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    loop.call_soon_threadsafe(heard.append, "late")
    assert heard == ["in time"]
