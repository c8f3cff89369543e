"""Serves agents while a test lasts."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from blackroad.client import Agent, Client
from blackroad.client import sync as synchronous
from blackroad.client.sync.background import BACKGROUND

READY_SECONDS: Final = 30.0


class Serving:
    """Agents at work: `async with` in the test's own loop, `with` in the background's.

    Returns once all are registered, and gives a client; at the end they finish what runs. An agent
    that may not serve, or fails, raises here.
    """

    def __init__(self, url: str, agents: Sequence[Agent], token: str | None) -> None:
        self._url = url
        self._agents = agents
        self._token = token
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._client: synchronous.Client | None = None

    async def __aenter__(self) -> Client:
        client = await self._stack.enter_async_context(Client(self._url, self._token))
        for agent in self._agents:
            ready = asyncio.Event()
            task = asyncio.create_task(agent.serve(client=client, ready=ready.set), name=agent.name)
            self._tasks.append(task)
            registered = asyncio.create_task(ready.wait())
            await asyncio.wait(
                {task, registered}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            registered.cancel()
            if not ready.is_set():
                await self._leave()
                raise TimeoutError(f"{agent.name} is not registered after {READY_SECONDS:.0f} s")
        return client

    async def __aexit__(self, *_: object) -> None:
        await self._leave()

    def __enter__(self) -> synchronous.Client:
        BACKGROUND.run(self.__aenter__())
        self._client = synchronous.Client(self._url, self._token)
        return self._client

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
        BACKGROUND.run(self._leave())

    async def _leave(self) -> None:
        for agent in self._agents:
            agent.drain()
        async with self._stack:
            await asyncio.gather(*self._tasks)
