"""Agents for one test each: the test says what they do, and sees what became of it."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import jwt

from blackroad.client import Agent, Call, Client, Yielded
from blackroad.core.identity import development

SECONDS = 5.0
Play = Callable[[Call], AsyncIterator[Yielded]]


@dataclass
class Acted:
    """What an agent was asked, and how its work ended."""

    calls: list[Call] = field(default_factory=list[Call])
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def call(self) -> Call:
        """The last call."""
        return self.calls[-1]


@asynccontextmanager
async def serving(
    core: str, name: str, play: Play, models: tuple[str, ...] = ()
) -> AsyncGenerator[Acted]:
    """Serve an agent that answers as `play` does; `stopped` is set when one was cancelled."""
    acted = Acted()
    agent = Agent(name, max_concurrency=16, models=models)

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[Yielded]:
        acted.calls.append(call)
        acted.asked.set()
        try:
            async for part in play(call):
                yield part
        except asyncio.CancelledError:
            acted.stopped.set()
            raise

    ready = asyncio.Event()
    async with Client(f"grpc://{core}") as client, asyncio.TaskGroup() as tasks:
        task = tasks.create_task(agent.serve(client=client, ready=ready.set))
        await asyncio.wait_for(ready.wait(), SECONDS)
        yield acted
        task.cancel()


async def until_set(event: asyncio.Event, seconds: float = SECONDS) -> None:
    """Wait for it."""
    await asyncio.wait_for(event.wait(), seconds)


def token(subject: str, pattern: str, *actions: str) -> str:
    """Return a user's token with one grant."""
    claims = {
        "sub": subject,
        "kind": "user",
        "grants": [{"pattern": pattern, "actions": actions}],
        "exp": time.time() + 600,
        "jti": subject,
    }
    return jwt.encode(claims, development.SECRET, algorithm="HS256")
