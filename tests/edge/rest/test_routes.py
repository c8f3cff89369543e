"""The HTTP routes on a real core."""

import json
import re

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.edge.rig import EdgeRig, Frame, an_object, running_edge


async def test_publish_gives_what_the_log_gave(edge: EdgeRig) -> None:
    async with edge.http() as http:
        headers = {"Idempotency-Key": "k"}
        body = {"channel": "room", "content": {"a": 1}}
        first = (await http.post("/v1/publish", json=body, headers=headers)).json()
        again = (await http.post("/v1/publish", json=body, headers=headers)).json()
        assert first["event_id"] == again["event_id"]
        assert (first["duplicate"], again["duplicate"]) == (False, True)


async def test_publish_to_several_answers_each(edge: EdgeRig) -> None:
    async with edge.http() as http:
        body = {"channels": ["a", "b..", "c"], "content": None}
        results = (await http.post("/v1/publish", json=body)).json()["results"]
        assert [result.get("code") for result in results] == [None, "invalid_name", None]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ('{"channel": "a"}', 400, "missing_field"),
        ('{"content": 1}', 400, "missing_field"),
        ('{"channel": 5, "content": 1}', 400, "bad_frame"),
        ('{"channel": "a", "content": 1, "content": 2}', 400, "bad_frame"),
        ('{"channel": "a", "content": NaN}', 400, "bad_frame"),
        ("{", 400, "bad_frame"),
        ("", 400, "missing_field"),
        ('{"channel": "system.a", "content": 1}', 403, "forbidden"),
    ],
)
async def test_a_bad_body_is_a_problem_with_a_code(
    edge: EdgeRig, body: str, status: int, code: str
) -> None:
    async with edge.http() as http:
        headers = {"Content-Type": "application/json"}
        answer = await http.post("/v1/publish", content=body, headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["code"], problem["status"]) == (code, status)


async def test_a_body_beyond_the_limit_is_413(edge: EdgeRig) -> None:
    async with edge.http() as http:
        body = b'{"channel":"a","content":"' + b"x" * (6 * 1024 * 1024) + b'"}'
        headers = {"Content-Type": "application/json"}
        answer = await http.post("/v1/publish", content=body, headers=headers)
        assert answer.status_code == 413


async def test_a_newline_in_a_broadcasts_event_is_refused(edge: EdgeRig) -> None:
    async with edge.http() as http:
        answer = await http.post("/broadcast", params={"event": "a\ndata: 1"}, json={})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_name")


async def test_a_channel_is_made_read_changed_and_deleted(edge: EdgeRig) -> None:
    async with edge.http() as http:
        body = {
            "name": "team.a",
            "access": "private",
            "presence": True,
            "history": {"limit": 7, "ttl_seconds": 60},
            "max_members": 3,
            "metadata": {"k": 1},
        }
        made = await http.post("/v1/channels", json=body)
        assert made.status_code == 201, made.text
        channel = (await http.get("/v1/channels/team.a")).json()
        assert channel["policy"]["access"] == "private"
        assert channel["policy"]["history"] == {"limit": 7, "ttl_seconds": 60.0}
        assert channel["metadata"] == {"k": 1}
        assert (await http.post("/v1/channels", json=body)).status_code == 409
        changed = await http.patch("/v1/channels/team.a", json={"max_members": 9})
        assert changed.json()["policy"]["max_members"] == 9
        assert changed.json()["policy"]["access"] == "private"
        stale = {"max_members": 1, "etag": channel["etag"]}
        assert (await http.patch("/v1/channels/team.a", json=stale)).status_code == 409
        assert (await http.patch("/v1/channels/team.a", json={})).status_code == 400
        names = [item["name"] for item in (await http.get("/v1/channels")).json()["items"]]
        assert "team.a" in names
        assert (await http.delete("/v1/channels/team.a")).status_code == 204


async def test_members_come_and_go(edge: EdgeRig) -> None:
    async with edge.http() as http:
        await http.post("/v1/channels", json={"name": "team.b", "access": "private"})
        path = "/v1/channels/team.b/members"
        assert (await http.put(f"{path}/bob")).json()["client_id"] == "bob"
        listed = (await http.get(path)).json()["items"]
        assert "bob" in [item["client_id"] for item in listed]
        assert (await http.delete(f"{path}/bob")).status_code == 204
        listed = (await http.get(path)).json()["items"]
        assert "bob" not in [item["client_id"] for item in listed]


async def test_history_is_paged_by_offset(edge: EdgeRig) -> None:
    async with edge.http() as http:
        for number in range(4):
            await http.post("/v1/publish", json={"channel": "room", "content": number})
        path = "/v1/channels/room/events"
        newest = (await http.get(path, params={"limit": 3})).json()
        assert [event["content"] for event in newest["items"]] == [1, 2, 3]
        assert newest["more"] is True
        before = newest["items"][0]["offset"]
        older = (await http.get(path, params={"before": before})).json()
        assert [event["content"] for event in older["items"]] == [0]


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
        assert (await alice.next())["type"] == "closing"
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
        for path in ("/", "/docs", "/pages/index.js", "/pages/docs.js", "/pages/pages.css"):
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


async def test_a_body_of_another_type_is_told_which_is_needed(edge: EdgeRig) -> None:
    async with edge.http() as http:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await http.post("/v1/publish", content='{"channel": "a"}', headers=form)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
        assert "application/json" in answer.json()["detail"]


@pytest.mark.parametrize("history", [-1, 10**12, {"limit": -1}])
async def test_a_history_out_of_bounds_is_refused(edge: EdgeRig, history: object) -> None:
    async with edge.http() as http:
        answer = await http.post("/v1/channels", json={"name": "kept", "history": history})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")


async def test_unknown_paths_and_methods_are_problems(edge: EdgeRig) -> None:
    async with edge.http() as http:
        answers: list[httpx.Response] = [
            await http.get("/nothing"),
            await http.delete("/broadcast"),
        ]
        assert [answer.status_code for answer in answers] == [404, 405]
        for answer in answers:
            assert answer.headers["content-type"] == "application/problem+json"
