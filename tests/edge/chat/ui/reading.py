"""The chunks of a UI message stream read as they come, and agents that speak for them."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from blackroad.client import (
    Call,
    Finished,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Yielded,
)
from tests.edge.chat.stage import SECONDS, Acted, serving
from tests.edge.rig import EdgeRig, Frame, an_object


@dataclass
class Told:
    """The chunks of one response as they come."""

    response: httpx.Response
    lines: AsyncIterator[str]
    chunks: list[Frame] = field(default_factory=list[Frame])
    done: bool = False

    async def next(self) -> Frame | None:
        """Return the next chunk, None after `[DONE]`."""
        async with asyncio.timeout(SECONDS):
            async for line in self.lines:
                if line == "data: [DONE]":
                    self.done = True
                elif line.startswith("data: "):
                    self.chunks.append(an_object(json.loads(line[6:])))
                    return self.chunks[-1]
        return None

    async def rest(self) -> list[Frame]:
        """Return all chunks when the response has ended."""
        while await self.next() is not None:
            pass
        assert self.done
        return self.chunks

    @property
    def text(self) -> str:
        return "".join(str(chunk["delta"]) for chunk in self.of("text-delta"))

    def of(self, kind: str) -> list[Frame]:
        return [chunk for chunk in self.chunks if chunk["type"] == kind]


@asynccontextmanager
async def reading(edge: EdgeRig, method: str, path: str, **more: object) -> AsyncGenerator[Told]:
    async with (
        edge.http() as http,
        http.stream(method, path, **more) as response,  # type: ignore[arg-type]  # by name
    ):
        if response.status_code == 200:
            assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
        yield Told(response, response.aiter_lines())


def said(text: str, chat: str = "c1", **more: object) -> Frame:
    """Return the body that useChat sends for one message."""
    message = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": text}]}
    body: Frame = {"id": chat, "messages": [message], "trigger": "submit-message"}
    return body | more


async def act(call: Call) -> AsyncIterator[Yielded]:
    yield Thinking("let me see")
    yield "one"
    yield " two"
    yield ToolCall("t1", "search", '{"for": "x"}')
    yield ToolResult("t1", '{"found": 1}')
    yield ToolCall("t2", "search", "{}")
    yield ToolResult("t2", "no luck", is_error=True)
    yield "three"
    yield Finished(usage=Usage(4, 5))


async def breaks(call: Call) -> AsyncIterator[Yielded]:
    if call.text == "late":
        yield "so far"
    await asyncio.sleep(0)
    raise RuntimeError("never shown")


@dataclass
class Gated:
    """An agent that says more when it is let."""

    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, call: Call) -> AsyncIterator[Yielded]:
        del call
        yield "so far"
        await self.more.wait()
        yield ", and the rest"


@asynccontextmanager
async def in_the_middle(
    core: str, edge: EdgeRig, chat: str = "c1"
) -> AsyncGenerator[tuple[Gated, Acted, Told]]:
    """Give an answer of a chat that has begun and waits, and who views it."""
    gated = Gated()
    async with (
        serving(core, "GATED", gated.play) as acted,
        reading(edge, "POST", "/v1/chat/ui?agent=GATED", json=said("go", chat)) as told,
    ):
        while not told.text:
            await told.next()
        yield gated, acted, told
