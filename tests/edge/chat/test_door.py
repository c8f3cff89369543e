"""Chat over HTTP and on its WebSocket."""

from tests.edge.rig import Block, EdgeRig, Frame, an_object, blocks


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
