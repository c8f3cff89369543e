"""Publishing over HTTP: what is said is taken as it is said, or refused."""

import pytest

from tests.edge.rig import EdgeRig


async def test_the_header_and_the_body_may_give_the_same_key(edge: EdgeRig) -> None:
    async with edge.http() as http:
        body = {"channel": "room", "content": 1, "idempotency_key": "k"}
        answers = [
            (await http.post("/v1/publish", json=body, headers=headers)).json()
            for headers in ({}, {"Idempotency-Key": "k"})
        ]
        assert [answer["duplicate"] for answer in answers] == [False, True]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"channel": "a", "room": "b"}, "channels"),
        ({"channel": "a", "channels": ["b"]}, "channels"),
        ({"room": "a", "channels": ["b"]}, "channels"),
        ({"channel": "a", "idempotency_key": "other"}, "idempotency"),
    ],
)
async def test_nothing_of_a_publish_is_dropped_silently(
    edge: EdgeRig, body: dict[str, object], says: str
) -> None:
    async with edge.http() as http:
        headers = {"Idempotency-Key": "k"}
        answer = await http.post("/v1/publish", json={"content": 1, **body}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
        assert says in answer.json()["detail"]


async def test_an_empty_type_is_no_type(edge: EdgeRig) -> None:
    async with edge.http() as http:
        body = {"channel": "a", "content": 1, "event": ""}
        for answer in (
            await http.post("/v1/publish", json=body),
            await http.post("/broadcast?event=", json=1),
        ):
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_name")


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


async def test_a_body_of_another_type_is_told_which_is_needed(edge: EdgeRig) -> None:
    async with edge.http() as http:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await http.post("/v1/publish", content='{"channel": "a"}', headers=form)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
        assert "application/json" in answer.json()["detail"]
