"""A process of AutoGen's distributed runtime: its host, an agent that answers, or one that asks.

It runs in an environment of its own, which has AutoGen and nothing of ours. An order is a line of
JSON with how many calls to make, and how many at a time; the answer is one with how long each took.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass

from autogen_core import AgentId, MessageContext, RoutedAgent, rpc
from autogen_ext.runtimes.grpc import GrpcWorkerAgentRuntime, GrpcWorkerAgentRuntimeHost

ASKER = AgentId("asker", "default")
ECHO = AgentId("echo", "default")


@dataclass
class Words:
    """What is asked, and what is answered."""

    text: str


class Echo(RoutedAgent):
    """Answers by what was asked."""

    def __init__(self) -> None:
        super().__init__("echo")

    @rpc
    async def on_words(self, message: Words, ctx: MessageContext) -> Words:
        """Answer at once."""
        return Words(message.text)


async def order() -> str:
    """Return the next line; empty at the end."""
    return await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def say(words: object) -> None:
    """Answer."""
    print(json.dumps(words), flush=True)


async def host(address: str) -> None:
    """Pass messages on, until the orders end."""
    runtime = GrpcWorkerAgentRuntimeHost(address)
    runtime.start()
    say("ready")
    await order()
    await runtime.stop(grace=0)


async def work(address: str) -> None:
    """Be the agent that answers, until the orders end."""
    runtime = GrpcWorkerAgentRuntime(address)
    await runtime.start()
    await Echo.register(runtime, ECHO.type, Echo)
    say("ready")
    await order()
    await runtime.stop()


async def call(address: str) -> None:
    """Call as ordered, until the orders end."""
    runtime = GrpcWorkerAgentRuntime(address)
    await runtime.start()
    await Echo.register(runtime, ASKER.type, Echo)  # who asks must be known, to be answered
    say("ready")
    while line := await order():
        calls, flight, prompt = json.loads(line)
        say(await ask(runtime, calls, flight, prompt))
    await runtime.stop()


async def ask(runtime: GrpcWorkerAgentRuntime, calls: int, flight: int, prompt: str) -> list[float]:
    """Make so many calls, so many at a time; return how long each took."""
    numbers = iter(range(calls))
    took: list[float] = []

    async def one_by_one() -> None:
        for _ in numbers:
            began = time.perf_counter()
            reply = await runtime.send_message(Words(prompt), ECHO, sender=ASKER)
            if reply.text != prompt:
                raise ValueError(f"a reply without its text: {reply}")
            took.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(flight):
            tasks.create_task(one_by_one())
    return took


asyncio.run({"host": host, "work": work, "call": call}[sys.argv[1]](sys.argv[2]))
