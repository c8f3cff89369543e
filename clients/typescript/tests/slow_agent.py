"""An agent that says a little, and then waits until it is told to go on or to stop."""

import asyncio
from collections.abc import AsyncIterator

from blackroad.client import Agent, Call

agent = Agent("SLOW", max_concurrency=32)


@agent.answer
async def answer(call: Call) -> AsyncIterator[str]:
    """Say a little and wait."""
    yield "so far"
    await asyncio.sleep(3600 if call.text == "wait" else 4)
    yield ", and the rest"


agent.run()
