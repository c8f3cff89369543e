"""Agents of the journeys that run in the test itself, and what they noticed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

from blackroad.client import Agent
from blackroad.client.job import Answerer


def fresh(name: str) -> str:
    """Return an agent's name that nobody has used."""
    return f"{name}-{uuid4().hex[:8]}"


@asynccontextmanager
async def serving(
    address: str, name: str, answerer: Answerer, max_concurrency: int = 8
) -> AsyncGenerator[Agent]:
    """Serve an agent at a core while the context lasts."""
    agent = Agent(name, max_concurrency=max_concurrency, url=f"grpc://{address}")
    agent.answer(answerer)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(agent.serve(ready=ready.set))
        async with asyncio.timeout(15):
            await ready.wait()
        try:
            yield agent
        finally:
            task.cancel()
