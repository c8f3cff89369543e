"""The HTTP routes on a real core."""

import json
import re

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.edge.rig import EdgeRig, Frame, an_object, running_edge


async def test_lists_are_paged_by_token(edge: EdgeRig) -> None:
    async with edge.http() as http:
        for name in "abc":
            await http.post("/v1/publish", json={"channel": f"page.{name}", "content": 1})
        names: list[str] = []
        token = ""
        while True:
            query = {"page_size": "2", "page_token": token, "pattern": "page.*"}
            page = (await http.get("/v1/channels", params=query)).json()
            assert len(page["items"]) <= 2
            names += [item["name"] for item in page["items"]]
            token = page.get("next_page_token", "")
            if not token:
                break
        assert names == ["page.a", "page.b", "page.c"]
        assert (await http.get("/v1/channels?page_size=501")).status_code == 400


async def test_presence_and_agents_are_listed(edge: EdgeRig, agent: str) -> None:
    async with edge.browser("alice"), edge.http() as http:
        agents = (await http.get("/v1/agents")).json()["items"]
        assert [item["entity_id"] for item in agents] == [agent]
        assert (await http.get(f"/v1/agents/{agent}")).json()["status"] == "online"
        assert (await http.get("/v1/agents/NOBODY")).status_code == 404
        users = (await http.get("/v1/presence?entity_type=user")).json()["items"]
        assert [item["entity_id"] for item in users] == ["alice"]
        assert (await http.get("/v1/presence/user/nobody")).json()["status"] == "offline"


async def test_a_session_is_looked_at_and_disconnected(edge: EdgeRig) -> None:
    async with edge.browser("alice") as alice, edge.http() as http:
        await alice.follow("room")
        session_id = alice.welcome["session_id"]
        session = (await http.get(f"/v1/sessions/{session_id}")).json()
        assert (session["door"], session["subscriptions"]) == ("websocket", ["room"])
        assert (await http.delete(f"/v1/sessions/{session_id}")).status_code == 204
        await alice.find("closing")  # a bookmark may come at any time
        with pytest.raises(ConnectionClosed):
            await alice.next()


async def test_an_answer_is_started_looked_at_and_cancelled(edge: EdgeRig, agent: str) -> None:
    async with edge.http() as http:
        opened = await http.post("/v1/streams", json={"prompt": "one wait", "agent": agent})
        assert opened.status_code == 201
        path = opened.headers["location"]
        cancelled = (await http.delete(path)).json()
        assert cancelled["status"] == "cancelled"
        assert (await http.get(path)).json()["stream_id"] == opened.json()["stream_id"]
        listed = (await http.get("/v1/streams?status=cancelled")).json()["items"]
        assert [item["stream_id"] for item in listed] == [opened.json()["stream_id"]]


async def test_a_conversation_keeps_its_turns(edge: EdgeRig, agent: str) -> None:
    async with edge.http() as http:
        body = {"prompt": "one two", "agent": agent, "conversation": "c1"}
        await http.post("/v1/chat/stream", json=body)
        found = await http.get("/v1/conversations/c1")
        assert found.status_code == 200, found.text
        assert len(found.json()["messages"]) == 2
        assert (await http.get("/v1/conversations/none")).status_code == 404


async def test_probes_say_when_it_can_serve(edge: EdgeRig) -> None:
    async with edge.http() as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
        metrics = (await http.get("/metrics")).text
        assert "blackroad_edge_trunk_up 1.0" in metrics
    async with running_edge("127.0.0.1:1") as alone, alone.http() as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503


async def test_the_documents_describe_what_is_there(edge: EdgeRig) -> None:
    async with edge.http() as http:
        openapi = (await http.get("/openapi.json")).json()
        assert "/v1/channels/{name}/members/{client_id}" in openapi["paths"]
        assert_references(openapi)
        asyncapi = (await http.get("/asyncapi.json")).json()
        assert asyncapi["asyncapi"].startswith("3.")
        assert_references(asyncapi)
        assert len((await http.get("/protos")).content) > 10_000
        for path in ("/", "/docs", "/pages/docs.js", "/pages/pages.css"):
            page = await http.get(path)
            assert page.status_code == 200
            assert "http://" not in page.text
            assert "https://" not in page.text
        assert (await http.get("/pages/../app.py")).status_code == 404


def assert_references(document: Frame) -> None:
    """Find every `$ref` of a document in it."""
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))
    assert references
    for reference in references:
        target = document
        for step in str(reference).split("/"):
            assert step in target, reference
            target = an_object(target[step])


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
async def test_a_foreign_host_is_403(edge: EdgeRig, host: str) -> None:
    async with edge.http() as http:
        answer = await http.get("/healthz", headers={"Host": host})
        assert answer.status_code in {400, 403}


async def test_origins_and_headers(edge: EdgeRig) -> None:
    async with edge.http() as http:
        foreign = await http.get("/healthz", headers={"Origin": "http://evil.example"})
        assert foreign.status_code == 403
        origin = {"Origin": "http://localhost:3000"}
        allowed = await http.get("/healthz", headers=origin)
        assert allowed.headers["access-control-allow-origin"] == origin["Origin"]
        preflight = await http.options("/v1/publish", headers=origin)
        assert preflight.status_code == 204
        assert "content-security-policy" in allowed.headers
        assert allowed.headers["x-content-type-options"] == "nosniff"


async def test_documents_and_probes_answer_head_without_a_body(edge: EdgeRig) -> None:
    async with edge.http() as http:
        for path in ("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"):
            answer = await http.head(path)
            assert (answer.status_code, answer.content) == (200, b""), path
            assert int(answer.headers["content-length"]) > 0
        assert (await http.head("/events/ann")).status_code == 405


async def test_unknown_paths_and_methods_are_problems(edge: EdgeRig) -> None:
    async with edge.http() as http:
        answers: list[httpx.Response] = [
            await http.get("/nothing"),
            await http.delete("/broadcast"),
        ]
        assert [answer.status_code for answer in answers] == [404, 405]
        for answer in answers:
            assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("fields", [{"input": "one two"}, {"input": [{"content": "one two"}]}])
async def test_an_answer_is_asked_for_in_the_websockets_word(
    edge: EdgeRig, agent: str, fields: dict[str, object]
) -> None:
    async with edge.http() as http:
        opened = await http.post("/v1/streams", json={"agent": agent, **fields})
        assert opened.status_code == 201, opened.text
        path = f"/v1/streams/{opened.json()['stream_id']}/events"
        assert "one two" in (await http.get(path)).text


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"input": 5}, "bad_frame"),
        ({"input": ""}, "missing_field"),
        ({"input": "a", "prompt": "b"}, "bad_frame"),
        ({}, "missing_field"),
        ({"input": "a", "options": {"tools": 5}}, "bad_frame"),
        ({"input": "a", "options": {"max_tokens": "5"}}, "bad_frame"),
        ({"input": "a", "options": {"max_tokens": True}}, "bad_frame"),
        ({"input": "a", "agent": "bad name"}, "invalid_name"),
        ({"input": "a", "agent": 5}, "bad_frame"),
    ],
    ids=repr,
)
async def test_a_wrong_ask_is_a_problem(
    edge: EdgeRig, agent: str, fields: dict[str, object], code: str
) -> None:
    async with edge.http() as http:
        for path in ("/v1/streams", "/v1/chat/stream"):
            answer = await http.post(path, json={"agent": agent, **fields})
            assert (answer.status_code, answer.json()["code"]) == (400, code), path


async def test_a_token_that_is_not_even_text_is_refused_as_one(edge: EdgeRig) -> None:
    async with edge.http() as http:
        headers = [(b"authorization", "Bearer é".encode())]
        answer = await http.get("/v1/channels", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
