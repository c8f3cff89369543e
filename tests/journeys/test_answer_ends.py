"""What ends an answer: its viewers' leaving, deadlines, limits, and a core that is killed."""

import asyncio
import json
from collections.abc import AsyncGenerator

import httpx
import pytest

from blackroad.client import AnswerFailed, Call, Client, Text
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.records import text_of
from tests.conformance.sse_door import SseDoor, SseSession
from tests.conformance.websocket_door import Frame, WebSocketDoor, WebSocketSession
from tests.journeys.serving import fresh, serving
from tests.processes import Installation, part

pytestmark = pytest.mark.slow


class Waiting:
    """Says `half`, then waits; notes which calls were stopped."""

    def __init__(self) -> None:
        self.begun: list[Call] = []
        self.stopped: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, call: Call) -> AsyncGenerator[str]:
        self.begun.append(call)
        yield "half"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.stopped.put_nowait(call.text)
            raise

    async def stops(self, count: int, seconds: float) -> set[str]:
        """Return the prompts of the next calls that are stopped."""
        async with asyncio.timeout(seconds):
            return {await self.stopped.get() for _ in range(count)}


async def invoke(session: WebSocketSession, name: str, prompt: str, **more: object) -> Frame:
    """Ask by WebSocket, in all detail; return the frame of the first text."""
    fields = {"type": "agent.invoke", "agent": name, "input": prompt, "id": prompt, **more}
    await session.connection.send(json.dumps(fields))
    return await frame_of(session, prompt, "streaming")


async def frame_of(session: WebSocketSession, request_id: str, status: str) -> Frame:
    """Return the first frame of a request with a status, once it has come."""
    async with asyncio.timeout(10):
        while True:
            for frame in session.frames:
                if (frame.id, frame.status) == (request_id, status):
                    return frame
            await asyncio.sleep(0.01)


async def chat(session: SseSession, name: str, prompt: str, **more: object) -> httpx.Response:
    """Ask by HTTP and return the response, read up to the first text."""
    body = {"agent": name, "prompt": prompt, **more}
    request = session.http.build_request("POST", "/v1/chat/stream", json=body)
    response = await session.http.send(request, stream=True)
    async for line in response.aiter_lines():
        if '"half"' in line:
            return response
    raise AssertionError("no text came")


async def test_the_last_viewers_leaving_does_what_the_invocation_chose_however_it_leaves(
    one_loop: None,
) -> None:
    del one_loop
    waiting, name = Waiting(), fresh("WAITING")
    with part("core", GRPC="127.0.0.1:0") as core:
        grpc = core.addresses["grpc"]
        with (
            part("edge", HTTP="127.0.0.1:0", CORE=grpc) as killed,
            part("edge", HTTP="127.0.0.1:0", CORE=grpc) as kept,
        ):
            http, other = killed.addresses["http"], kept.addresses["http"]
            async with (
                serving(grpc, name, waiting),
                WebSocketDoor(http).session("one") as lost,
                SseDoor(http).session("two") as cut,
                WebSocketDoor(other).session("three") as socket,
                SseDoor(other).session("four") as reader,
                GrpcDoor(grpc).session() as watcher,
            ):
                ends: dict[str, object] = {"on_abandoned": "cancel", "abandoned_after_seconds": 0.5}
                await invoke(lost, name, "a socket of a killed edge", **ends)
                gone = [await chat(cut, name, "a request of a killed edge", **ends)]
                await invoke(socket, name, "a socket that is cut", **ends)
                gone.append(await chat(reader, name, "a request that is cut", **ends))
                await invoke(socket, name, "one that may go on")
                seen = await invoke(socket, name, "one that is still seen", **ends)
                view = await watcher.join(seen.stream_id)
                await view.until("snapshot")
                await asyncio.to_thread(killed.process.kill)
                await socket.drop()
                await gone[1].aclose()
                stopped = await waiting.stops(4, 10)
                assert stopped == {
                    "a socket of a killed edge",
                    "a request of a killed edge",
                    "a socket that is cut",
                    "a request that is cut",
                }
                await watcher.cancel(seen.stream_id)
                assert (await view.rest())[-1].status == "cancelled"
                assert await waiting.stops(1, 5) == {"one that is still seen"}
                assert waiting.stopped.empty()
                await gone[0].aclose()


async def test_a_browsers_deadline_reaches_the_agent_and_ends_its_answer(
    installation: Installation,
) -> None:
    waiting, name = Waiting(), fresh("WAITING")
    async with (
        serving(installation.grpc, name, waiting),
        WebSocketDoor(installation.http).session("browser") as browser,
        SseDoor(installation.http).session("curl") as curl,
    ):
        await invoke(browser, name, "socket", deadline_seconds=1.5)
        response = await chat(curl, name, "request", deadline_seconds=1.5)
        remaining = [call.remaining_seconds for call in waiting.begun]
        assert all(left is not None and 0 < left <= 1.5 for left in remaining)
        assert await waiting.stops(2, 5) == {"socket", "request"}
        failed = await frame_of(browser, "socket", "failed")
        assert failed.code == "deadline_exceeded"
        assert failed.usage is not None
        assert failed.usage.output_tokens == 1  # `half`, which the agent said nothing of
        await response.aclose()


async def test_a_limit_of_time_and_of_tokens_is_held_for_an_agent_that_knows_none(
    installation: Installation,
) -> None:
    async def endless(call: Call) -> AsyncGenerator[str]:
        del call
        while True:
            yield "on and "
            await asyncio.sleep(0.01)

    name = fresh("ENDLESS")
    async with (
        serving(installation.grpc, name, endless),
        SseDoor(installation.http).session("curl") as curl,
    ):
        for options in ({"max_tokens": 5}, {"max_seconds": 0.3}):
            body = {"agent": name, "prompt": "x", "options": options}
            text = (await curl.http.post("/v1/chat/stream", json=body)).text
            assert '"finish_reason":"length"' in text
            if "max_tokens" in options:
                assert text.count('"content":"on and ') <= 5
                assert '"output_tokens":5' in text


async def test_of_a_core_that_is_killed_callers_and_workers_hear_that_the_answer_is_lost(
    one_loop: None,
) -> None:
    del one_loop
    waiting, name = Waiting(), fresh("WAITING")
    with part("core", GRPC="127.0.0.1:0") as core:
        grpc = core.addresses["grpc"]
        with part("edge", HTTP="127.0.0.1:0", CORE=grpc) as edge:
            http = edge.addresses["http"]
            async with (
                serving(grpc, name, waiting),
                Client(f"grpc://{grpc}") as client,
                WebSocketDoor(http).session("browser") as browser,
                SseDoor(http).session("curl") as curl,
                WebSocketDoor(http).session("guest") as guest,
                SseDoor(http).session("reader") as reader,
            ):
                views = [await one.invoke(name, "?") for one in (browser, curl)]
                begun = [await view.until("streaming") for view in views]
                await (await guest.join(views[0].stream_id)).until("snapshot")
                joined = await reader.join(views[0].stream_id)
                await joined.until("snapshot")
                answer = client.invoke(name, "sdk")
                async for piece in answer:
                    if isinstance(piece, Text):
                        break
                await asyncio.to_thread(core.process.kill)
                with part("core", GRPC=grpc):
                    for view, updates in zip(views, begun, strict=True):
                        updates.extend(await view.rest())
                        assert text_of(updates) == "half"
                        assert (updates[-1].status, updates[-1].code) == ("failed", "agent_lost")
                    ended = await guest.inbox.ended()
                    assert (ended.code, (await joined.rest())[-1].code) == ("not_found",) * 2
                    with pytest.raises(AnswerFailed) as failed:
                        await answer.text()
                    assert (failed.value.code, failed.value.retryable) == ("agent_lost", True)
                    # Whoever answers hears that nobody waits for it any more, and is here again.
                    assert await waiting.stops(3, 10) == {"?", "sdk"}
                    again = await browser.invoke(name, "again")
                    assert text_of(await again.until("streaming")) == "half"
