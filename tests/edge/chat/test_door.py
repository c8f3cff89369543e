"""Chat over HTTP and on its WebSocket."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from blackroad.client import (
    Call,
    Finished,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Yielded,
)
from tests.edge.chat.stage import serving, until_set
from tests.edge.chat.ui.reading import Gated
from tests.edge.rig import Block, EdgeRig, Frame, an_object, blocks, next_event


async def ask(edge: EdgeRig, prompt: str, agent: str) -> tuple[str, list[Block]]:
    """Return the answer's id and all its blocks."""
    body = {"prompt": prompt, "agent": agent}
    async with edge.http() as http, http.stream("POST", "/v1/chat/stream", json=body) as answer:
        assert answer.status_code == 200, await answer.aread()
        return answer.headers["x-stream-id"], [block async for block in blocks(answer)]


def content(found: list[Block]) -> str:
    text = ""
    for block in found:
        text += str(block.fields.get("content", ""))
    return text


async def test_an_answer_comes_in_chunks_and_ends_with_done(edge: EdgeRig, agent: str) -> None:
    stream_id, found = await ask(edge, "one two three", agent)
    assert content(found) == "one two three"
    assert all(block.id for block in found)
    last = found[-1].fields
    assert (last["done"], last["finish_reason"], last["stream_id"]) == (True, "stop", stream_id)
    for block in found[:-1]:
        assert block.fields["done"] is False


async def test_an_early_failure_is_a_status_without_an_exceptions_text(
    edge: EdgeRig, agent: str
) -> None:
    async with edge.http() as http:
        answer = await http.post("/v1/chat/stream", json={"prompt": "fail", "agent": agent})
        assert (answer.status_code, answer.json()["code"]) == (502, "agent_error")
        assert "never shown" not in answer.text


async def test_a_late_failure_is_told_in_band(edge: EdgeRig, agent: str) -> None:
    _, found = await ask(edge, "one fail", agent)
    last = found[-1].fields
    assert last["done"] is True
    assert an_object(last["error"])["code"] == "agent_error"


async def test_what_is_refused_is_a_status(edge: EdgeRig) -> None:
    async with edge.http() as http:
        refused: list[tuple[Frame, int, str]] = [
            ({"prompt": "x", "agent": "NOBODY"}, 503, "no_agent"),
            ({"prompt": "x", "model": "no/such"}, 404, "model_not_found"),
            ({"agent": "A"}, 400, "missing_field"),
            ({"prompt": "x", "messages": [], "agent": "A"}, 400, "bad_frame"),
            ({"prompt": 5}, 400, "bad_frame"),
            ({"prompt": "x", "agent": "A", "model": "B"}, 400, "bad_frame"),
        ]
        for body, status, code in refused:
            answer = await http.post("/v1/chat/stream", json=body)
            assert (answer.status_code, answer.json()["code"]) == (status, code), body


async def test_an_answer_is_joined_again_from_a_snapshot_or_a_cursor(
    edge: EdgeRig, agent: str
) -> None:
    stream_id, found = await ask(edge, "one two three", agent)
    path = f"/v1/streams/{stream_id}/events"
    async with edge.events(path) as events:
        again = [block async for block in events]
    assert (again[0].fields["snapshot"], again[0].fields["content"]) == (True, "one two three")
    assert again[-1].fields["done"] is True
    async with edge.events(path, **{"Last-Event-ID": found[1].id}) as events:
        rest = [block async for block in events]
    assert content(found[:2]) + content(rest) == "one two three"
    async with edge.http() as http:
        ended = await http.get(path, headers={"Last-Event-ID": found[-1].id})
        assert ended.status_code == 204
        assert (await http.get("/v1/streams/st_none/events")).status_code == 404


async def test_the_socket_answers_several_prompts_at_once(edge: EdgeRig, agent: str) -> None:
    async with edge.browser("", "/v1/chat/ws") as chat:
        await chat.say(prompt="one wait", agent=agent, id="1")
        await chat.say(prompt="two three", agent=agent, id="2")
        await chat.find("done", id="2")
        text = "".join(
            str(frame["content"])
            for frame in chat.passed
            if frame.get("id") == "2" and "content" in frame
        )
        assert text == "two three"
        await chat.say("cancel", id="1")
        assert (await chat.find("done", id="1"))["finish_reason"] == "cancelled"


async def test_a_prompt_that_fails_does_not_harm_the_socket(edge: EdgeRig, agent: str) -> None:
    async with edge.browser("", "/v1/chat/ws") as chat:
        await chat.say(prompt="fail", agent=agent, id="1")
        assert (await chat.find("error", id="1"))["code"] == "agent_error"
        await chat.say(prompt="x", agent="NOBODY", id="2")
        assert (await chat.find("error", id="2"))["code"] == "no_agent"
        await chat.socket.send("{")
        assert (await chat.find("error"))["code"] == "bad_frame"
        await chat.say("cancel", id="9")
        assert (await chat.find("error", id="9"))["code"] == "not_found"
        await chat.say(prompt="hi", agent=agent, id="3")
        await chat.find("done", id="3")


async def every_kind(call: Call) -> AsyncIterator[Yielded]:
    yield Thinking("hmm")
    yield ToolCall("t1", "search", '{"q": 1}')
    yield ToolResult("t1", "found")
    name = await call.ask("Your name?", {"type": "string"})
    yield Usage(1, 2)
    yield f"hello {name}"
    yield Finished(usage=Usage(3, 4))


def parts(found: list[Frame]) -> list[str]:
    """Return what every frame is: `text`, or the status of its part."""
    return [
        str(an_object(frame["part"])["status"]) if "part" in frame else "text" for frame in found
    ]


KINDS = ["started", "thinking", "tool_call", "tool_result", "input_required"]


async def test_every_kind_of_part_comes_typed_and_an_input_lets_it_go_on(
    core: str, edge: EdgeRig
) -> None:
    body = {"prompt": "go", "agent": "EVERY"}
    async with (
        serving(core, "EVERY", every_kind),
        edge.http() as http,
        http.stream("POST", "/v1/chat/stream", json=body) as answer,
    ):
        found, events = list[Frame](), blocks(answer)
        while "input_required" not in parts(found):
            found.append((await next_event(events)).fields)
        path = f"/v1/streams/{answer.headers['x-stream-id']}/input"
        assert (await http.post(path, json={})).status_code == 400
        assert (await http.post(path, json={"content": "Bea"})).status_code == 204
        found += [block.fields async for block in events]
        assert parts(found[:-1]) == [*KINDS, "input", "usage", "text"]
        assert found[-2]["content"] == "hello Bea"
        assert found[-1]["usage"] == {"input_tokens": 3, "output_tokens": 4}
        late = await http.post(path, json={"content": "again"})
        assert (late.status_code, late.json()["code"]) == (409, "conflict")


async def test_the_socket_takes_an_input(core: str, edge: EdgeRig) -> None:
    async with serving(core, "EVERY", every_kind), edge.browser("", "/v1/chat/ws") as chat:
        await chat.say("input", id="1", content="Bea")
        assert (await chat.find("error", id="1"))["code"] == "not_found"
        await chat.say(prompt="go", agent="EVERY", id="1")
        while "input_required" not in parts(chat.passed[1:]):
            await chat.next()
        await chat.say("input", id="1")
        assert (await chat.find("error", id="1"))["code"] == "missing_field"
        await chat.say("input", id="1", content="Bea")
        await chat.find("chunk", content="hello Bea")
        assert (await chat.find("done", id="1"))["usage"] == {
            "input_tokens": 3,
            "output_tokens": 4,
        }


async def test_a_cancel_right_after_its_prompt_is_not_lost(core: str, edge: EdgeRig) -> None:
    gated = Gated()
    async with serving(core, "GATED", gated.play), edge.browser("", "/v1/chat/ws") as chat:
        for number in range(10):
            await chat.say(prompt="go", agent="GATED", id=str(number))
            await chat.say("cancel", id=str(number))
        for number in range(10):
            done = next(
                (f for f in chat.passed if f["type"] == "done" and f["id"] == str(number)), None
            ) or await chat.find("done", id=str(number))
            assert done["finish_reason"] == "cancelled"


async def test_an_id_is_used_once_at_a_time(core: str, edge: EdgeRig) -> None:
    gated = Gated()
    async with serving(core, "GATED", gated.play), edge.browser("", "/v1/chat/ws") as chat:
        await chat.say(prompt="go", agent="GATED", id="1")
        await chat.say(prompt="go", agent="GATED", id="1")
        assert (await chat.find("error", id="1"))["code"] == "already_exists"
        gated.more.set()
        await chat.find("done", id="1")
        await chat.say(prompt="go", agent="GATED", id="1")
        await chat.find("done", id="1")


async def test_a_disconnect_cancels_nothing_and_the_rest_is_had_from_the_cursor(
    core: str, edge: EdgeRig
) -> None:
    gated = Gated()
    async with serving(core, "GATED", gated.play) as acted, edge.http() as http:
        body = {"prompt": "go", "agent": "GATED"}
        async with http.stream("POST", "/v1/chat/stream", json=body) as answer:
            events = blocks(answer)
            seen = [await next_event(events), await next_event(events)]
            path = f"/v1/streams/{answer.headers['x-stream-id']}/events"
        async with (
            edge.events(path) as whole,
            edge.events(path, **{"Last-Event-ID": seen[-1].id}) as rest,
        ):
            assert (await next_event(whole)).fields["snapshot"] is True
            gated.more.set()
            left = [block async for block in rest]
            again = [block async for block in whole]
        assert content(seen) + content(left) == "so far, and the rest"
        assert content(again) == ", and the rest"
        assert not acted.stopped.is_set()
        ended = await http.get(path, headers={"Last-Event-ID": left[-1].id})
        assert ended.status_code == 204


async def test_a_cursor_of_another_time_gives_a_snapshot_and_no_cursor_is_refused(
    core: str, edge: EdgeRig
) -> None:
    gated = Gated()
    async with serving(core, "GATED", gated.play), edge.http() as http:
        body = {"prompt": "go", "agent": "GATED"}
        async with http.stream("POST", "/v1/chat/stream", json=body) as answer:
            path = f"/v1/streams/{answer.headers['x-stream-id']}/events"
            refused = await http.get(path, headers={"Last-Event-ID": "garbage"})
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")
            earlier = {"Last-Event-ID": "CBASBpX8hr6gNBoBFg"}
            async with edge.events(path, **earlier) as events:
                first = (await next_event(events)).fields
                assert (first["snapshot"], first["content"]) == (True, "so far")
                gated.more.set()
                rest = [block async for block in events]
        assert content(rest) == ", and the rest"


@pytest.mark.slow
async def test_an_invocation_may_ask_to_be_cancelled_when_nobody_views_it(
    core: str, edge: EdgeRig
) -> None:
    gated = Gated()
    async with serving(core, "GATED", gated.play) as acted, edge.http() as http:
        body = {"prompt": "go", "agent": "GATED", "on_abandoned": "cancel"}
        async with http.stream("POST", "/v1/chat/stream", json=body) as answer:
            await next_event(blocks(answer))
        await until_set(acted.stopped, 8.0)


async def test_many_prompts_at_once_each_have_their_text(core: str, edge: EdgeRig) -> None:
    async def echo(call: Call) -> AsyncIterator[Yielded]:
        for letter in call.text:
            yield letter
            await asyncio.sleep(0)

    async with serving(core, "LETTERS", echo), edge.browser("", "/v1/chat/ws") as chat:
        for number in range(16):
            await chat.say(prompt=f"ä{number}😀", agent="LETTERS", id=str(number))
        while sum(frame["type"] == "done" for frame in chat.passed) < 16:
            await chat.next()
        for number in range(16):
            told = [f for f in chat.passed if f.get("id") == str(number) and "part" not in f]
            assert "".join(str(f.get("content", "")) for f in told) == f"ä{number}😀"
