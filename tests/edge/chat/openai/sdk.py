"""The `openai` SDK, pointed at an edge, and agents that it asks."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import (
    ChatCompletionChunk,
    ChatCompletionToolUnionParam,
)

from blackroad.client import (
    Call,
    Finished,
    Usage,
    Yielded,
)
from tests.edge.rig import EdgeRig

WEATHER: ChatCompletionToolUnionParam = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object"}},
}

SECONDS = 10.0


@asynccontextmanager
async def pointed_at(
    edge: EdgeRig, retries: int = 0, key: str = "not-needed"
) -> AsyncGenerator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{edge.url}/v1", api_key=key, max_retries=retries, timeout=SECONDS
    ) as client:
        yield client


async def words(call: Call) -> AsyncIterator[Yielded]:
    for number, word in enumerate(call.text.split()):
        yield word if number == 0 else f" {word}"
    yield Finished(usage=Usage(3, 2))


async def chunks_of(client: AsyncOpenAI, model: str, text: str) -> list[ChatCompletionChunk]:
    stream = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": text}],
        stream=True,
        stream_options={"include_usage": True},
    )
    return [chunk async for chunk in stream]


async def breaks(call: Call) -> AsyncIterator[Yielded]:
    if call.text == "late":
        yield "so far"
    await asyncio.sleep(0)
    raise RuntimeError("never shown")


async def read(stream: AsyncStream[ChatCompletionChunk], said: list[str]) -> None:
    async for chunk in stream:
        said.append(chunk.choices[0].delta.content or "")  # noqa: PERF401 - it may raise
