"""A worker for the journeys: NAME ADDRESS MODE. It says when it is registered, and begins."""

import asyncio
import sys
from collections.abc import AsyncGenerator

from blackroad.client import Agent, Call

name, address, mode = sys.argv[1:]
agent = Agent(name, url=f"grpc://{address}")


@agent.answer
async def answer(call: Call) -> AsyncGenerator[str]:
    """Answer wholly, hang before the first word, or hang after it."""
    print(f"began attempt {call.attempt}", flush=True)
    if mode == "silent":
        await asyncio.Event().wait()
    yield "half "
    if mode == "half":
        await asyncio.Event().wait()
    yield "and half"


def ready() -> None:
    """Say that the core knows us."""
    print("registered as", name, flush=True)


asyncio.run(agent.serve(ready=ready))
