"""Request and reply as users write it: an Agent, and Client.invoke."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

from benchmarks.calls.order import AGENT, CONCURRENCY, PROMPT, Ask, Asked
from benchmarks.harness.measure import WrongCount
from benchmarks.harness.remote import Pipe, obey, obey_beside, run
from blackroad.client import Agent, Call, Client


async def tokens(text: str) -> AsyncIterator[str]:
    """Answer at once by what was asked: the worker function, also for a direct call."""
    yield text


def work(address: str, pipe: Pipe) -> None:
    """Be the worker; asked to `Ask`, call the worker function directly."""
    run(_work(address, pipe))


def call(address: str, pipe: Pipe) -> None:
    """Be the caller."""
    run(_call(address, pipe))


async def _work(address: str, pipe: Pipe) -> None:
    agent = Agent(AGENT, max_concurrency=CONCURRENCY, url=f"grpc://{address}")
    registered = asyncio.Event()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        async for token in tokens(call.text):
            yield token

    async def direct(order: Ask) -> Asked:
        await registered.wait()
        return Asked([await _directly() for _ in range(order.calls)])

    await obey_beside(agent.serve(ready=registered.set), pipe, direct)


async def _directly() -> float:
    """Return how long the first token takes without anything between."""
    began = time.perf_counter()
    async for _ in tokens(PROMPT):
        return time.perf_counter() - began
    raise WrongCount("no token")


async def _call(address: str, pipe: Pipe) -> None:
    async with Client(f"grpc://{address}") as client:

        async def do(order: Ask) -> Asked:
            took: list[float] = []
            calls = itertools.count()

            async def lane() -> None:
                while next(calls) < order.calls:
                    began = time.perf_counter()
                    text = await client.invoke(AGENT, PROMPT).text()
                    took.append(time.perf_counter() - began)
                    if text != PROMPT:
                        raise WrongCount(f"a reply of {text!r}")

            async with asyncio.TaskGroup() as lanes:
                for _ in range(order.flight):
                    lanes.create_task(lane())
            return Asked(took)

        await obey(pipe, do)
