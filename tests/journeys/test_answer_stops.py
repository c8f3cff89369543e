"""Cancel is not disconnect: what closes the provider's own connection, and what does not."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx
import pytest
from websockets.asyncio.client import connect

from blackroad.client import Client
from tests.conformance.records import Refused
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor, WebSocketSession
from tests.journeys.provider import MODELS, STOP, WORDS, Provider
from tests.journeys.test_answer_cuts import UNLIMITED
from tests.plain import TRUSTS_NOBODY
from tests.processes import part

TIMES: Final = 5
MOST_SECONDS: Final = 0.2
AFTER: Final = {"on_abandoned": "cancel", "abandoned_after_seconds": 0}
TEXT: Final = "word "
UI_TURN: Final = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "talk"}]}
TURN: Final = {"role": "user", "content": "talk"}


@dataclass(frozen=True)
class Place:
    """A core, an edge and an agent host in processes of their own, before a provider of ours."""

    provider: Provider
    http: str
    grpc: str
    client: httpx.AsyncClient

    @asynccontextmanager
    async def reading(self, path: str, body: object) -> AsyncGenerator[httpx.Response]:
        """Ask by HTTP; give the response when the first text has come."""
        async with self.client.stream("POST", path, json=body) as response:
            async for line in response.aiter_lines():
                if TEXT in line:
                    break
            yield response

    async def say(self, method: str, path: str) -> None:
        """Make a request that must succeed."""
        (await self.client.request(method, path)).raise_for_status()


@pytest.fixture(scope="module")
async def place(one_loop: None) -> AsyncGenerator[Place]:
    """Start all, once."""
    del one_loop
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(Provider())
        with pytest.MonkeyPatch.context() as patch:
            for name, value in provider.environ.items():
                patch.setitem(os.environ, name, value)
            core = await _part(stack, "core", GRPC="127.0.0.1:0", **UNLIMITED)
            grpc = core["grpc"]
            await _part(stack, "agents", CORE=grpc, MODELS__DEFAULT="builtin/echo")
        edge = await _part(stack, "edge", HTTP="127.0.0.1:0", CORE=grpc)
        base_url = f"http://{edge['http']}"
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=base_url, timeout=20, verify=TRUSTS_NOBODY)
        )
        yield Place(provider, edge["http"], grpc, client)


async def _part(stack: AsyncExitStack, name: str, **settings: str) -> dict[str, str]:
    started = part(name, **settings)  # in a thread: the provider answers meanwhile
    ready = await asyncio.to_thread(started.__enter__)
    stack.push(started.__exit__)
    return dict(ready.addresses)


Stop = Callable[[Place, str], Awaitable[float]]
"""Asks a model, waits for its first text and stops it; returns when it asked for that."""


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


async def by_http(place: Place, model: str) -> float:
    """Stop what the guide's chat route began, by its id."""
    body = {"prompt": "talk", "model": model}
    async with place.reading("/v1/chat/stream", body) as response:
        began = now()
        await place.say("DELETE", f"/v1/streams/{response.headers['x-stream-id']}")
        return began


async def by_openai(place: Place, model: str) -> float:
    """Close the connection: OpenAI's API has no other stop."""
    body = {"model": model, "messages": [TURN], "stream": True, **AFTER}
    async with place.reading("/v1/chat/completions", body):
        return now()


async def by_ai_sdk(place: Place, model: str) -> float:
    """Stop a chat of useChat."""
    body = {"id": "chat", "model": model, "messages": [UI_TURN]}
    async with place.reading("/v1/chat/ui", body):
        began = now()
        await place.say("POST", "/v1/chat/ui/chat/stop")
        return began


async def by_chat_socket(place: Place, model: str) -> float:
    """Say `cancel` on the chat WebSocket."""
    async with connect(f"ws://{place.http}/v1/chat/ws") as socket:
        await socket.send(json.dumps({"prompt": "talk", "model": model, "id": "1"}))
        async for message in socket:
            assert '"error"' not in str(message), message
            if TEXT in str(message):
                break
        began = now()
        await socket.send(json.dumps({"type": "cancel", "id": "1"}))
        return began


async def by_agent_invoke(place: Place, model: str) -> float:
    """Say `cancel` on the WebSocket, as a browser does."""
    async with WebSocketDoor(place.http).session("browser") as browser:
        stream_id = await invoked(browser, model)
        began = now()
        await browser.cancel(stream_id)
        return began


async def by_another(place: Place, model: str) -> float:
    """Cancel by gRPC what a browser began."""
    async with (
        WebSocketDoor(place.http).session("browser") as browser,
        Client(f"grpc://{place.grpc}") as client,
    ):
        stream_id = await invoked(browser, model)
        began = now()
        await client.join(stream_id).cancel()
        return began


async def invoked(browser: WebSocketSession, model: str, **more: object) -> str:
    """Ask by `agent.invoke`; return the answer's id when text has come."""
    fields = {"type": "agent.invoke", "model": model, "input": "talk", "id": "i", **more}
    await browser.connection.send(json.dumps(fields))
    async with asyncio.timeout(10):
        while True:
            for frame in browser.frames:
                if (frame.id, frame.status) == ("i", "failed"):
                    raise Refused(frame.code)
                if (frame.id, frame.status) == ("i", "streaming"):
                    return frame.stream_id
            await asyncio.sleep(0.01)


STOPS: Final[tuple[Stop, ...]] = (
    by_http,
    by_openai,
    by_ai_sdk,
    by_chat_socket,
    by_agent_invoke,
    by_another,
)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stop", STOPS)
async def test_stop_closes_the_providers_own_connection_under_200_ms(
    place: Place, stop: Stop, model: str
) -> None:
    times: list[float] = []
    for _ in range(TIMES):
        count = len(place.provider.hung_up)
        began = await stop(place, model)
        times.append(await place.provider.wait_for_hang_up(count) - began)
    assert place.provider.open == 0
    figures = ", ".join(f"{1000 * each:.1f}" for each in sorted(times))
    print(f"{stop.__name__}, {model}: stop to close in {figures} ms")
    assert sorted(times)[TIMES // 2] < MOST_SECONDS, "but for a busy machine's pauses"


@pytest.mark.parametrize("model", MODELS)
async def test_one_of_two_viewers_leaving_closes_nothing_and_the_last_does_as_was_chosen(
    place: Place, model: str
) -> None:
    provider = place.provider
    closed, asked = len(provider.hung_up), provider.asked
    async with SseDoor(place.http).session("second") as second:
        async with WebSocketDoor(place.http).session("first") as first:
            stream_id = await invoked(first, model, **AFTER)
            view = await second.join(stream_id)
            await view.until("snapshot")
            await first.drop()
        for _ in range(10):  # a second and more: five times what the closing may take
            await view.until("streaming")
            await asyncio.sleep(0.1)
        assert (provider.open, len(provider.hung_up)) == (1, closed)
        began = now()
        await second.drop()
    assert await provider.wait_for_hang_up(closed) - began < MOST_SECONDS
    assert provider.asked == asked + 1, "two viewers cost one run"


@pytest.mark.parametrize("model", MODELS)
async def test_who_asked_may_leave_and_come_back_for_the_rest(place: Place, model: str) -> None:
    provider = place.provider
    closed, asked = len(provider.hung_up), provider.asked
    body = {"prompt": STOP, "model": model}
    async with place.reading("/v1/chat/stream", body) as response:
        stream_id = response.headers["x-stream-id"]
    async with Client(f"grpc://{place.grpc}") as client:
        assert await client.join(stream_id).text() == TEXT * WORDS
    assert (len(provider.hung_up), provider.asked) == (closed, asked + 1)
