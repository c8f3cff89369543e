"""An agent in ten lines: run it, then `blackroad chat HELLO "I am Ann"`."""

from collections.abc import AsyncIterator

from blackroad.client import Agent, Call

agent = Agent("HELLO", capabilities=["greeting"], max_concurrency=8)


@agent.answer
async def answer(call: Call) -> AsyncIterator[str]:
    yield "Hello! You said: "
    yield call.text


if __name__ == "__main__":
    agent.run()
