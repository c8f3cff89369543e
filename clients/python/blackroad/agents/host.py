"""The agent host: serves the agents of the roster and the models, as a client of the core."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

from blackroad.agents.models.registry import ECHO, ModelRegistry, default_model
from blackroad.agents.roster import Persona, read_roster
from blackroad.agents.settings import AgentsSettings
from blackroad.client import Agent, Call, Client, Message, Usage, Yielded

DEFAULT = "builtin/default"

# Models are bounded by their provider, not by the host: the echo has no bound of its own.
_MODELS_CONCURRENCY = 1024

log = logging.getLogger("blackroad.agents")


class AgentHost:
    """Holds the agents; each has a `Serve` stream of its own on one connection."""

    def __init__(self, settings: AgentsSettings) -> None:
        self._settings = settings
        self._registry = ModelRegistry(settings.models)
        self._roster = read_roster(settings.agents)
        self._agents: list[Agent] = []
        self._waiting: set[Agent] = set()
        self._drained = False

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until `drain`; `ready` is called once, when all are registered.

        A core that is away is waited for. Raises Forbidden or Unauthenticated where this host may
        not serve.
        """
        default = await default_model(self._settings.models, self._registry)
        self._agents = self._personas(default)
        if self._registry.served:
            self._agents.append(self._models())
        self._agents.append(self._default(default))
        self._waiting = set(self._agents)
        token = self._settings.token
        async with Client(
            self._settings.core, token.get_secret_value() if token else None
        ) as client:
            await self._serve_all(client, ready)

    def drain(self) -> None:
        """Take no more, finish what runs, then let `serve` return. Idempotent."""
        self._drained = True
        for agent in self._agents:
            agent.drain()

    async def _serve_all(self, client: Client, ready: Callable[[], None]) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for agent in self._agents:
                    registered = self._registered(agent, ready)
                    tasks.create_task(agent.serve(client=client, ready=registered))
        except BaseExceptionGroup as group:
            # One that may not serve ends the host; the others only follow.
            raise group.exceptions[0] from None

    def _registered(self, agent: Agent, ready: Callable[[], None]) -> Callable[[], None]:
        def note() -> None:
            self._waiting.discard(agent)
            if not self._waiting:
                ready()

        return note

    def _personas(self, default: str) -> list[Agent]:
        return [self._persona(name, each, default) for name, each in self._roster.agents.items()]

    def _persona(self, name: str, persona: Persona, default: str) -> Agent:
        model = ECHO if name == "ECHO" else persona.model or default
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
            async for part in self._run(model, call, messages):
                yield part

        return agent

    def _models(self) -> Agent:
        """Return the worker that answers for models by their own names."""
        agent = Agent(models=self._registry.served, max_concurrency=_MODELS_CONCURRENCY)

        @agent.answer
        async def answer(call: Call) -> AsyncIterator[Yielded]:
            async for part in self._run(call.model, call, call.messages):
                yield part

        return agent

    def _default(self, default: str) -> Agent:
        """Return the worker that answers where nobody named a model: those ask for `default`."""
        agent = Agent(models=(DEFAULT,), max_concurrency=_MODELS_CONCURRENCY, model=default)

        @agent.answer
        async def answer(call: Call) -> AsyncIterator[Yielded]:
            async for part in self._run(default, call, call.messages):
                yield part

        return agent

    async def _run(
        self, model: str, call: Call, messages: Sequence[Message]
    ) -> AsyncIterator[Yielded]:
        """Let a model answer; what it has used so far is noted for a cancel, not sent each time."""
        async for part in self._registry.find(model).answer(messages, call.options):
            if isinstance(part, Usage):
                call.usage = part
            else:
                yield part


def _instructions(persona: str) -> list[Message]:
    return [Message.of("system", persona)] if persona else []


async def serve(settings: AgentsSettings, ready: Callable[[], None]) -> None:
    """Serve the agents of the settings until cancelled; see AgentHost for drain."""
    await AgentHost(settings).serve(ready)
