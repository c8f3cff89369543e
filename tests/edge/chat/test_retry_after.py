"""When to ask again, and when nobody's answer ends: told and taken by every chat route."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from blackroad.client import AnswerFailed, Call, Yielded
from tests.edge.chat.stage import serving, until_set
from tests.edge.rig import EdgeRig, Frame, an_object

TURN = {"role": "user", "content": "late"}
UI_TURN = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "late"}]}


async def overloaded(call: Call) -> AsyncIterator[Yielded]:
    if call.text == "late":
        yield "so far"
    raise AnswerFailed("model_overloaded", "try again", retryable=True, retry_after_seconds=7)


async def endless(call: Call) -> AsyncIterator[Yielded]:
    del call
    yield "so far"
    await asyncio.sleep(60)


async def told(edge: EdgeRig, path: str, body: dict[str, object]) -> list[Frame]:
    """Return the JSON of every block of a response."""
    async with edge.http() as http:
        text = (await http.post(path, json=body)).text
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
    return [an_object(json.loads(line)) for line in lines]


async def test_a_late_failure_says_when_to_ask_again_at_every_chat_route(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "BUSY", overloaded):
        guide = await told(edge, "/v1/chat/stream", {"prompt": "late", "agent": "BUSY"})
        error = an_object(guide[-1]["error"])
        assert (error["code"], error["retry_after_seconds"]) == ("model_overloaded", 7)
        body: dict[str, object] = {"model": "BUSY", "messages": [TURN], "stream": True}
        error = an_object((await told(edge, "/v1/chat/completions", body))[-1]["error"])
        assert (error["code"], error["retry_after_seconds"]) == ("model_overloaded", 7)
        body = {"id": "c1", "messages": [UI_TURN]}
        metadata, last = (await told(edge, "/v1/chat/ui?agent=BUSY", body))[-2:]
        failure = an_object(metadata["messageMetadata"])["failure"]
        assert failure == {"code": "model_overloaded", "retryable": True, "retryAfterSeconds": 7}
        assert last == {"type": "error", "errorText": "try again"}
        async with edge.browser("", "/v1/chat/ws") as chat:
            for prompt in ("late", "early"):
                await chat.say(prompt=prompt, agent="BUSY", id=prompt)
                found = await chat.find("error", id=prompt)
                assert (found["code"], found["retry_after_seconds"]) == ("model_overloaded", 7)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/stream", {"prompt": "x", "agent": "ENDLESS"}),
        ("/v1/chat/completions", {"model": "ENDLESS", "messages": [TURN], "stream": True}),
        ("/v1/chat/ui", {"id": "c1", "agent": "ENDLESS", "messages": [UI_TURN]}),
    ],
)
async def test_whoever_asks_says_how_long_after_the_last_viewer_it_goes_on(
    core: str, edge: EdgeRig, path: str, body: dict[str, object]
) -> None:
    ends = {"on_abandoned": "cancel", "abandoned_after_seconds": 0.2}
    async with serving(core, "ENDLESS", endless) as acted, edge.http() as http:
        async with http.stream("POST", path, json=body | ends) as response:
            async for line in response.aiter_lines():
                if "so far" in line:
                    break
        await until_set(acted.stopped, 2.5)  # the default is 5 s
        late = await http.post(path, json=body | {"abandoned_after_seconds": -1})
        assert late.status_code == 400
