"""SIGTERM while something is being answered: it is finished and heard, and nothing new begins."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from blackroad.client import Answer, Client, RealtimeError
from tests.edge.rig import Browser
from tests.plain import TRUSTS_NOBODY
from tests.processes import alive, children_of, up

pytestmark = pytest.mark.slow

WORDS = " ".join(f"word{number}" for number in range(30))
PACE = {"MODELS__ECHO_WORDS_PER_SECOND": "10"}  # so that the answer takes three seconds
SECONDS = 30


async def begun(answer: Answer) -> str:
    """Return the first words of an answer."""
    async for part in answer:
        if text := getattr(part, "text", ""):
            return str(text)
    raise AssertionError("it has ended")


async def rest_of(lines: AsyncIterator[str]) -> str:
    """Return the text of a chat over HTTP that goes to its end."""
    text, done = "", False
    async for line in lines:
        if line.startswith("data: "):
            frame = json.loads(line.removeprefix("data: "))
            assert "error" not in frame, frame
            text += frame.get("content", "")
            done = done or bool(frame.get("done"))
    assert done
    return text


async def heard(browser: Browser) -> str:
    """Return the text that a WebSocket sees until the answer has ended."""
    text = ""
    while True:
        frame = await browser.next()
        assert frame["type"] != "closing", frame
        if frame["type"] == "agent.response":
            text += str(frame.get("text") or frame.get("delta") or "")
            if frame.get("status") == "finished":
                return text


async def test_what_is_being_answered_is_finished_and_heard(room: str) -> None:
    del room  # asked for its event loop
    with up(**PACE) as installation:
        async with AsyncExitStack() as stack, asyncio.timeout(SECONDS):
            client = await stack.enter_async_context(Client(f"grpc://{installation.grpc}"))
            http = await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"http://{installation.http}", timeout=SECONDS, verify=TRUSTS_NOBODY
                )
            )
            browsers = [
                Browser(await stack.enter_async_context(connect(f"ws://{installation.http}/ws/b")))
                for _ in range(3)
            ]
            asking, viewing, idle = browsers
            answer = client.invoke("ECHO", WORDS)
            first = await begun(answer)
            await asking.say("agent.invoke", agent="ECHO", input=WORDS, id="1")
            await viewing.say("subscribe", room=f"stream.{answer.stream_id}")
            await viewing.find("subscribed")
            chat = await stack.enter_async_context(
                http.stream("POST", "/v1/chat/stream", json={"agent": "ECHO", "prompt": WORDS})
            )
            assert chat.status_code == 200
            ending = asyncio.create_task(asyncio.to_thread(installation.process.terminate, SECONDS))
            # Who sees no answer is told at once.
            await idle.find("closing", code="draining")
            # Nothing new, at whatever door.
            await refused(client)
            await asking.say("agent.invoke", agent="ECHO", input="new", id="2")
            await asking.find("error", id="2", code="draining")
            late = await http.post("/v1/chat/stream", json={"agent": "ECHO", "prompt": "new"})
            assert (late.status_code, late.json()["code"]) == (503, "draining")
            texts = asyncio.gather(
                answer.text(), heard(asking), heard(viewing), rest_of(chat.aiter_lines())
            )
            by_grpc, by_asker, by_viewer, by_http = await texts
            assert first + by_grpc == WORDS
            assert WORDS.endswith(by_asker.strip())
            assert WORDS.endswith(by_viewer.strip())
            assert by_http == WORDS
            for browser in (asking, viewing):
                closing = await browser.find("closing", code="draining")
                assert float(str(closing["retry_after_seconds"])) > 0
                with pytest.raises(ConnectionClosed):
                    await browser.next()
                assert browser.socket.close_code == 1012
            assert await ending == 0, installation.process.output
        assert "Traceback" not in installation.process.output


async def test_an_answer_that_takes_longer_than_the_grace_does_not_hold_it_up(room: str) -> None:
    del room
    with up(DRAIN_SECONDS="2", **PACE) as installation:
        children = children_of(installation.process.pid)
        async with Client(f"grpc://{installation.grpc}") as client, asyncio.timeout(SECONDS):
            answer = client.invoke("ECHO", " ".join([WORDS] * 20))
            await begun(answer)
            began = time.monotonic()
            assert await asyncio.to_thread(installation.process.terminate, SECONDS) == 0
            assert 1.0 < time.monotonic() - began < 10.0
        assert not [pid for pid in children if alive(pid)]


async def test_a_second_signal_ends_it_at_once(room: str) -> None:
    del room
    with up(**PACE) as installation:
        children = children_of(installation.process.pid)
        async with Client(f"grpc://{installation.grpc}") as client, asyncio.timeout(SECONDS):
            answer = client.invoke("ECHO", " ".join([WORDS] * 20))
            await begun(answer)
            installation.process.signal(signal.SIGTERM)
            await refused(client)
            assert not installation.process.popen.poll()
            began = time.monotonic()
            assert await asyncio.to_thread(installation.process.terminate) == 128 + signal.SIGTERM
            assert time.monotonic() - began < 2.0
        await gone(children)


async def refused(client: Client) -> None:
    """Return when the core takes nothing new."""
    while True:
        try:
            await client.invoke("ECHO", "x").text()
        except RealtimeError as error:
            assert error.code == "draining"  # noqa: PT017 - it comes when the signal is heard
            return


async def gone(pids: list[int]) -> None:
    """Return when these processes have ended."""
    while any(alive(pid) for pid in pids):  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.02)
