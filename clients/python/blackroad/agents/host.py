"""The agent host: serves the agents of the roster and the models, as a client of the core."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

from blackroad.agents.models.registry import ECHO, ModelRegistry, default_model
from blackroad.agents.offer import CONCURRENCY, Offer
from blackroad.agents.roster import Persona, read_roster
from blackroad.agents.run import run
from blackroad.agents.settings import AgentsSettings
from blackroad.client import Agent, Call, Client, Message, Yielded

DEFAULT = "builtin/default"


class AgentHost:
    """Holds the agents; each has a `Serve` stream of its own on one connection."""

    def __init__(self, settings: AgentsSettings) -> None:
        self._settings = settings
        self._registry = ModelRegistry(settings.models)
        self._roster = read_roster(settings.agents)
        self._agents: list[Agent] = []
        self._offers: list[Offer] = []
        self._waiting: set[Agent | Offer] = set()
        self.model = ""  # of agents that name none; known when it serves

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until `drain`; `ready` is called once, when all are registered.

        Providers that do not answer are not waited for, but looked for again; a core that is away
        is. Raises Forbidden or Unauthenticated where this host may not serve.
        """
        default = self.model = await default_model(self._settings.models, self._registry)
        self._agents = [*self._personas(default), *self._builtin(default)]
        self._offers = self._offered()
        self._waiting = {*self._agents, *self._offers}
        token = self._settings.token
        try:
            async with Client(
                self._settings.core, token.get_secret_value() if token else None
            ) as client:
                await self._serve_all(client, ready)
        finally:
            await self._registry.close()

    def drain(self) -> None:
        """Take no more, finish what runs, then let `serve` return. Idempotent."""
        for agent in self._agents:
            agent.drain()
        for offer in self._offers:
            offer.drain()

    async def _serve_all(self, client: Client, ready: Callable[[], None]) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for agent in self._agents:
                    registered = self._registered(agent, ready)
                    tasks.create_task(agent.serve(client=client, ready=registered))
                for offer in self._offers:
                    tasks.create_task(offer.serve(client, self._registered(offer, ready)))
        except BaseExceptionGroup as group:
            # One that may not serve ends the host; the others only follow.
            raise group.exceptions[0] from None

    def _registered(self, each: Agent | Offer, ready: Callable[[], None]) -> Callable[[], None]:
        def note() -> None:
            if each in self._waiting:
                self._waiting.discard(each)
                if not self._waiting:
                    ready()

        return note

    def _personas(self, default: str) -> list[Agent]:
        return [self._persona(name, each, default) for name, each in self._roster.agents.items()]

    def _persona(self, name: str, persona: Persona, default: str) -> Agent:
        model = persona.model and self._registry.with_provider(persona.model)
        model = ECHO if name == "ECHO" else model or default
        agent = Agent(
            name,
            persona.capabilities,
            persona.max_concurrency,
            model=model,
            publish_thinking=persona.publish_thinking,
        )

        @agent.answer
        async def answer(call: Call) -> AsyncIterator[Yielded]:
            messages = [*_instructions(persona.persona), *call.messages]
            async with aclosing(self._run(model, call, messages)) as parts:
                async for part in parts:
                    yield part

        return agent

    def _builtin(self, default: str) -> list[Agent]:
        """Return the workers for the echo by its name, and for those who name no model at all."""
        workers: list[Agent] = []
        if self._registry.allowed(ECHO):
            workers.append(Agent(models=(ECHO,), max_concurrency=CONCURRENCY, model=ECHO))
            workers[0].answer(self._named)
        unnamed = Agent(models=(DEFAULT,), max_concurrency=CONCURRENCY, model=default)

        @unnamed.answer
        async def answer(call: Call) -> AsyncIterator[Yielded]:
            async with aclosing(self._run(default, call, call.messages)) as parts:
                async for part in parts:
                    yield part

        return [*workers, unnamed]

    def _offered(self) -> list[Offer]:
        """Return what the providers have."""
        seconds = self._settings.models.retry_seconds
        return [
            Offer(name, provider, self._named, self._registry.allowed, seconds)
            for name, provider in self._registry.providers.items()
        ]

    async def _named(self, call: Call) -> AsyncIterator[Yielded]:
        """Answer by the model that the caller named."""
        async with aclosing(self._run(call.model, call, call.messages)) as parts:
            async for part in parts:
                yield part

    def _run(self, model: str, call: Call, messages: Sequence[Message]) -> AsyncGenerator[Yielded]:
        return run(self._registry.find(model), call, messages)


def _instructions(persona: str) -> list[Message]:
    return [Message.of("system", persona)] if persona else []


async def serve(settings: AgentsSettings, ready: Callable[[], None]) -> None:
    """Serve the agents of the settings until cancelled; see AgentHost for drain."""
    await AgentHost(settings).serve(ready)
