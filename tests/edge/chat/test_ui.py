"""The UI message stream as it is on the wire; `tests/node` has the AI SDK itself."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from blackroad.client import (
    Call,
    Client,
    Finished,
    Message,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Yielded,
)
from tests.edge.chat.stage import SECONDS, Acted, serving, token, until_set
from tests.edge.rig import EdgeRig, Frame, an_object, running_edge, until

CHUNKED = "transfer-encoding"


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


async def test_every_part_has_its_chunks_in_the_sdks_order(core: str, edge: EdgeRig) -> None:
    async with (
        serving(core, "ACTOR", act),
        reading(edge, "POST", "/v1/chat/ui?agent=ACTOR", json=said("go")) as told,
    ):
        chunks = await told.rest()
    stream_id = told.response.headers["x-stream-id"]
    assert told.response.headers[CHUNKED] == "chunked"
    kinds = [chunk["type"] for chunk in chunks if not str(chunk["type"]).endswith("-delta")]
    assert kinds == [
        "start",
        "start-step",
        "reasoning-start",
        "reasoning-end",
        "text-start",
        "text-end",
        "tool-input-start",
        "tool-input-available",
        "tool-output-available",
        "finish-step",
        "start-step",
        "tool-input-start",
        "tool-input-available",
        "tool-output-error",
        "finish-step",
        "start-step",
        "text-start",
        "text-end",
        "finish-step",
        "finish",
    ]
    assert chunks[0] == {
        "type": "start",
        "messageId": stream_id,
        "messageMetadata": {"streamId": stream_id},
    }
    assert told.of("tool-output-available")[0]["output"] == {"found": 1}
    assert told.of("tool-input-available")[0]["input"] == {"for": "x"}
    assert told.text == "one twothree"
    finish = chunks[-1]
    assert finish["finishReason"] == "stop"
    usage = {"inputTokens": 4, "outputTokens": 5, "totalTokens": 9}
    assert finish["messageMetadata"] == {
        "streamId": stream_id,
        "agent": "ACTOR",
        "usage": usage,
    }


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


async def test_a_chat_is_resumed_from_its_beginning_and_both_see_the_end(
    core: str, edge: EdgeRig
) -> None:
    async with (
        in_the_middle(core, edge, "a/b") as (gated, acted, told),
        reading(edge, "GET", "/v1/chat/ui/a%2Fb/stream") as again,
    ):
        while not again.text:
            await again.next()
        assert again.text == "so far"
        gated.more.set()
        await told.rest()
        await again.rest()
        assert again.text == told.text == "so far, and the rest"
        assert again.chunks[0] == told.chunks[0]
        assert len(acted.calls) == 1
        async with edge.http() as http:
            assert (await http.get("/v1/chat/ui/a%2Fb/stream")).status_code == 204


async def test_a_chat_is_resumed_and_stopped_at_another_edge(core: str, edge: EdgeRig) -> None:
    async with in_the_middle(core, edge) as (_, acted, told), running_edge(core) as other:
        async with reading(other, "GET", "/v1/chat/ui/c1/stream") as again:
            while not again.text:
                await again.next()
            async with other.http() as http:
                assert (await http.post("/v1/chat/ui/c1/stop")).status_code == 200
            await until_set(acted.stopped)
            await again.rest()
            await told.rest()
        assert again.chunks[-1] == told.chunks[-1] == {"type": "abort", "reason": "cancelled"}


async def test_a_disconnect_cancels_nothing(core: str, edge: EdgeRig) -> None:
    async with in_the_middle(core, edge) as (gated, acted, told):
        await told.response.aclose()
        async with reading(edge, "GET", "/v1/chat/ui/c1/stream") as again:
            gated.more.set()
            await again.rest()
        assert again.text == "so far, and the rest"
        assert not acted.stopped.is_set()


async def test_stop_reaches_the_worker_and_tells_the_viewer(core: str, edge: EdgeRig) -> None:
    async with in_the_middle(core, edge) as (_, acted, told), edge.http() as http:
        stopped = await http.post("/v1/chat/ui/c1/stop")
        assert (stopped.status_code, stopped.json()["status"]) == (200, "cancelled")
        await until_set(acted.stopped)
        await told.rest()
        assert told.chunks[-1] == {"type": "abort", "reason": "cancelled"}
        assert (await http.post("/v1/chat/ui/c1/stop")).status_code == 204
        assert (await http.post("/v1/chat/ui/none/stop")).status_code == 204


async def test_a_page_that_comes_back_just_as_its_answer_ended_finds_it_by_its_label(
    core: str, edge: EdgeRig
) -> None:
    async with in_the_middle(core, edge) as (gated, _, told), edge.http() as http:
        gated.more.set()
        await told.rest()
        assert (await http.get("/v1/chat/ui/c1/stream")).status_code == 204
        found = (await http.get("/v1/streams?label=chat:c1&page_size=1")).json()["items"]
        assert [item["status"] for item in found] == ["finished"]
        whole = (await http.get(f"/v1/streams/{found[0]['stream_id']}")).json()
        assert whole["text"] == told.text
        assert (await http.get("/v1/streams?label=chat:c2")).json()["items"] == []
        assert (await http.get("/v1/streams?label=chat:c1&label=x:y")).json()["items"] == []
        assert (await http.get("/v1/streams?label=chat")).status_code == 400


async def test_another_identity_cannot_resume_or_stop_a_chat(core: str, edge: EdgeRig) -> None:
    mallory = token("mallory", "stream.>", "subscribe", "manage")
    headers = {"authorization": f"Bearer {mallory}"}
    async with in_the_middle(core, edge) as (gated, acted, told), edge.http() as http:
        resumed = await http.get("/v1/chat/ui/c1/stream", headers=headers)
        stopped = await http.post("/v1/chat/ui/c1/stop", headers=headers)
        assert (resumed.status_code, stopped.status_code) == (204, 204), resumed.text
        gated.more.set()
        await told.rest()
        assert not acted.stopped.is_set()


async def test_a_new_message_ends_the_answer_in_progress(core: str, edge: EdgeRig) -> None:
    async with in_the_middle(core, edge) as (gated, acted, told):
        gated.more.set()
        gated.more = asyncio.Event()
        async with reading(edge, "POST", "/v1/chat/ui?agent=GATED", json=said("again")) as next_:
            while not next_.text:
                await next_.next()
            gated.more.set()
            await next_.rest()
        assert next_.text == "so far, and the rest"
        await told.rest()
        assert len(acted.calls) == 2


async def test_the_messages_of_a_chat_reach_the_agent_as_turns(core: str, edge: EdgeRig) -> None:
    image = "data:image/png;base64,iVBORw0KGgo="
    messages: list[Frame] = [
        {"id": "1", "role": "system", "parts": [{"type": "text", "text": "be brief"}]},
        {
            "id": "2",
            "role": "user",
            "parts": [
                {"type": "text", "text": "look"},
                {"type": "file", "mediaType": "image/png", "url": image, "filename": "a.png"},
                {"type": "data-place", "data": {"x": 1}},
            ],
        },
        {
            "id": "3",
            "role": "assistant",
            "metadata": {"any": 1},
            "parts": [
                {"type": "step-start"},
                {"type": "reasoning", "text": "hmm", "state": "done"},
                {
                    "type": "tool-search",
                    "toolCallId": "t1",
                    "state": "output-available",
                    "input": {"q": 1},
                    "output": {"found": 2},
                },
                {
                    "type": "dynamic-tool",
                    "toolName": "ask",
                    "toolCallId": "t2",
                    "state": "output-error",
                    "input": {},
                    "errorText": "down",
                },
                {"type": "tool-never", "toolCallId": "t3", "state": "input-available", "input": 1},
                {"type": "step-start"},
                {"type": "text", "text": "found it", "state": "done"},
            ],
        },
        {"id": "4", "role": "user", "parts": [{"type": "text", "text": "thanks"}]},
    ]
    body = {"id": "c", "messages": messages, "trigger": "submit-message", "agent": "ACTOR"}
    async with serving(core, "ACTOR", act) as acted:
        more = {"options": {"max_tokens": 9}}
        async with reading(edge, "POST", "/v1/chat/ui", json=body | more) as told:
            await told.rest()
    turns = acted.call.messages
    assert [turn.role for turn in turns] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert len(turns[1].parts) == 3
    assert turns[2].parts == (ToolCall("t1", "search", '{"q":1}'), ToolCall("t2", "ask", "{}"))
    assert turns[3].parts == (
        ToolResult("t1", '{"found":2}'),
        ToolResult("t2", "down", is_error=True),
    )
    assert turns[4] == Message("assistant", (Text("found it"),))
    assert acted.call.options.max_tokens == 9


async def test_an_answer_to_a_tools_result_goes_on_with_its_message(
    core: str, edge: EdgeRig
) -> None:
    body = said("go")
    part = {"type": "tool-x", "toolCallId": "1", "state": "output-available", "output": "y"}
    body["messages"] = [*list(body["messages"]), {"id": "a1", "role": "assistant", "parts": [part]}]  # type: ignore[call-overload]  # it is a list
    gated = Gated()
    async with (
        serving(core, "GATED", gated.play),
        reading(edge, "POST", "/v1/chat/ui?agent=GATED", json=body) as told,
        reading(edge, "GET", "/v1/chat/ui/c1/stream") as again,
    ):
        first = await told.next()
        assert first is not None
        assert first["messageId"] == "a1"
        assert await again.next() == first


async def asks(call: Call) -> AsyncIterator[Yielded]:
    await call.progress(50, "half")
    name = await call.ask("Your name?", {"type": "string"})
    yield f"hello {name}"


async def test_a_question_is_a_data_part_that_the_input_completes(core: str, edge: EdgeRig) -> None:
    async with (
        serving(core, "ASKS", asks),
        Client(f"grpc://{core}"),
        reading(edge, "POST", "/v1/chat/ui?agent=ASKS", json=said("go")) as told,
        edge.http() as http,
    ):
        while not told.of("data-input-required"):
            await told.next()
        stream_id = told.response.headers["x-stream-id"]
        given = await http.post(f"/v1/streams/{stream_id}/input", json={"content": "Bea"})
        assert given.status_code == 204, given.text
        await told.rest()
        question, answered = told.of("data-input-required")
        assert question["id"] == answered["id"]
        assert an_object(question["data"])["prompt"] == "Your name?"
        assert an_object(answered["data"])["input"] == "Bea"
        progress = told.of("data-progress")[0]
        assert progress["transient"] is True
        assert told.text == "hello Bea"


async def breaks(call: Call) -> AsyncIterator[Yielded]:
    if call.text == "late":
        yield "so far"
    await asyncio.sleep(0)
    raise RuntimeError("never shown")


async def test_failures_are_a_status_before_the_first_chunk_and_an_error_after_it(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "BREAKS", breaks), edge.http() as http:
        path = "/v1/chat/ui?agent=BREAKS"
        early = await http.post(path, json=said("early"))
        assert (early.status_code, early.json()["code"]) == (502, "agent_error")
        async with reading(edge, "POST", path, json=said("late")) as told:
            await told.rest()
        assert told.text == "so far"
        assert told.chunks[-1] == {
            "type": "error",
            "errorText": "The agent failed; its log has the details.",
        }
        for body in ({}, {"id": "c"}, said("x", ""), said("x", "c" * 129), said("")):
            wrong = await http.post(path, json=body)
            assert wrong.status_code == 400, body
        nobody = await http.post("/v1/chat/ui?model=none", json=said("x"))
        assert (nobody.status_code, nobody.json()["code"]) == (404, "model_not_found")


FLOOD = [chr(1 + number % 8) * 48_000 for number in range(60)]
"""Six times as long on the wire."""


async def floods(call: Call) -> AsyncIterator[Yielded]:
    del call
    for part in FLOOD:
        yield part
        await asyncio.sleep(0.02)


async def test_a_reader_that_stands_still_misses_nothing(core: str, edge: EdgeRig) -> None:
    def overflowed() -> bool:
        receivers = [session.receiver for session in edge.edge.context.trunk.sessions.values()]
        return any(receiver is not None and receiver.lost for receiver in receivers)

    async with (
        serving(core, "FLOODS", floods),
        reading(edge, "POST", "/v1/chat/ui?agent=FLOODS", json=said("go")) as told,
    ):
        await until(overflowed)
        await told.rest()
    assert told.text == "".join(FLOOD)
    assert len(told.of("text-start")) == len(told.of("text-end")) == 1
