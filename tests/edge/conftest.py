"""A real core and a real edge, and an agent that echoes."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from blackroad.client import Agent, Call, Client
from tests.edge.rig import EdgeRig, running_core, running_edge


@pytest.fixture
async def core(one_loop: None) -> AsyncGenerator[str]:
    """Give the address of a core in development mode."""
    del one_loop
    async with running_core() as address:
        yield address


@pytest.fixture
async def edge(core: str) -> AsyncGenerator[EdgeRig]:
    """Give an edge that is connected to the core."""
    async with running_edge(core) as rig:
        await rig.edge.context.trunk.link()
        yield rig


@pytest.fixture
async def agent(core: str) -> AsyncGenerator[str]:
    """Serve PARROT: it says each word of the prompt; `fail` fails, `wait` waits for ever."""
    parrot = Agent("PARROT", max_concurrency=16)

    @parrot.answer
    async def answer(call: Call) -> AsyncGenerator[str]:
        for number, word in enumerate(call.text.split()):
            if word == "fail":
                raise RuntimeError("never shown")
            if word == "wait":
                await asyncio.sleep(60)
            yield word if number == 0 else f" {word}"

    ready = asyncio.Event()
    async with Client(f"grpc://{core}") as client, asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(parrot.serve(client=client, ready=ready.set))
        await asyncio.wait_for(ready.wait(), 5)
        yield "PARROT"
        serving.cancel()
