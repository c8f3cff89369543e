"""The models of one provider, registered as long as the provider answers."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from blackroad.agents.models.text_model import Provider
from blackroad.client import Agent, Client
from blackroad.client.job import Answerer

# Models are bounded by their provider, not by the host.
CONCURRENCY: Final = 1024
# The core takes 64; `<provider>/*` is one of them.
_MOST_NAMES: Final = 63
# A provider that is busy may miss a look or two.
_MISSES: Final = 3

log = logging.getLogger("blackroad.agents")


class Offer:
    """Serves `<provider>/*`, and by name the models that the provider lists.

    The names make a bare name find its provider. One that comes up after the start is found within
    `retry_seconds`; one that is gone for three looks is served no more.
    """

    def __init__(
        self,
        name: str,
        provider: Provider,
        answerer: Answerer,
        allowed: Callable[[str], bool],
        retry_seconds: float,
    ) -> None:
        self._name = name
        self._provider = provider
        self._answerer = answerer
        self._allowed = allowed
        self._retry_seconds = retry_seconds
        self._over = asyncio.Event()

    async def serve(self, client: Client, ready: Callable[[], None]) -> None:
        """Serve until `drain`; `ready` is called once, when it is registered or has to wait.

        Raises Forbidden or Unauthenticated where it may not serve.
        """
        while not self._over.is_set():
            names = await self._provider.models()
            if names is None:
                ready()
                await self._pause()
            else:
                await self._serve_while_it_answers(client, names, ready)

    def drain(self) -> None:
        """Take no more, finish what runs, then let `serve` return. Idempotent."""
        self._over.set()

    async def _serve_while_it_answers(
        self, client: Client, names: list[str], ready: Callable[[], None]
    ) -> None:
        agent = Agent(models=self._served(names), max_concurrency=CONCURRENCY)
        agent.answer(self._answerer)
        try:
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(self._watch(agent, names))
                await agent.serve(client=client, ready=ready)
                watch.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _watch(self, agent: Agent, names: list[str]) -> None:
        """Tell the core of changes in what is listed; drain when the provider is gone, or asked."""
        misses = 0
        while not self._over.is_set() and misses < _MISSES:
            await self._pause()
            listed = await self._provider.models()
            misses = misses + 1 if listed is None else 0
            if listed is not None and listed != names:
                names = listed
                agent.serve_models(self._served(names))
        if misses:
            log.warning("%s does not answer any more", self._name)
        agent.drain()

    def _served(self, names: list[str]) -> list[str]:
        whole = [f"{self._name}/{name}" for name in names]
        allowed = [name for name in whole if self._allowed(name)]
        return [f"{self._name}/*", *allowed[:_MOST_NAMES]]

    async def _pause(self) -> None:
        """Wait until it is time to look again, or to drain."""
        try:
            async with asyncio.timeout(self._retry_seconds):
                await self._over.wait()
        except TimeoutError:
            return
