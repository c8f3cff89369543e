"""An agent host in the test's own loop."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from blackroad.agents.host import AgentHost
from blackroad.agents.settings import AgentsSettings
from blackroad.client import Client


@asynccontextmanager
async def hosted(settings: AgentsSettings) -> AsyncGenerator[Client]:
    """Give a client, once the host says that all are registered; drain the host afterwards."""
    host, ready = AgentHost(settings), asyncio.Event()
    async with Client(settings.core) as client, asyncio.TaskGroup() as tasks:
        tasks.create_task(host.serve(ready.set))
        await ready.wait()
        yield client
        host.drain()
